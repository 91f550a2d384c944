package chatapitest_test

import (
	"fmt"

	"github.com/chatapi-go/chatapi"
	"github.com/chatapi-go/chatapi/chatapitest"
)

func ExampleAPI_ChatMessages() {
	api, err := chatapitest.Start(chatapitest.Seed(1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer api.Close()
	ann := api.Customer("+1 202 555 0143")
	ann.Says("Do you have shoes?")
	ann.CannotBeReached("The phone is switched off.")
	api.FromPhone("+1 202 555 0143", "Yes.")
	for _, chat := range api.Chats() {
		fmt.Println(chat.Name, "- open:", chat.Open)
		for _, m := range api.ChatMessages(chat.Key, 50) {
			fmt.Printf("%s: %s\n", m.From, m.Text)
		}
	}
	// Output:
	// Ann - open: true
	// customer: Do you have shoes?
	// phone: Yes.
}

func ExampleAPI_Changes() {
	api, err := chatapitest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer api.Close()
	seen, next := api.Changes()
	go api.Customer("12025550143").Says("hi")
	<-next
	api.Settle()
	for _, chat := range api.Chats() {
		fmt.Println("to be read again:", chat.Revision > seen)
	}
	// Output:
	// to be read again: true
}

func ExampleAPI_SetSetting() {
	api, err := chatapitest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer api.Close()
	api.SetSetting("rawHooks", true)
	ann := api.Customer("12025550143")
	ann.Orders("as soon as possible", chatapi.ReceivedItem{ProductID: "KETTLE-01", Quantity: "2"})
	for _, m := range api.ChatMessages("c1", 1) {
		fmt.Println(m.Order)
	}
	// Output:
	// 2 × KETTLE-01 at 1.00 USD
}
