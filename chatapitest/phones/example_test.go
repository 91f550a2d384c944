package phones_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"

	"github.com/chatapi-go/chatapi/chatapitest"
	"github.com/chatapi-go/chatapi/chatapitest/phones"
)

func ExampleNew() {
	api, err := chatapitest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer api.Close()
	handler := phones.New(api, phones.Title("Sample Shop"))
	server := httptest.NewServer(handler) // a program listens at a loopback address
	defer server.Close()
	defer handler.Close()

	api.Customer("+1 202 555 0143").Says("Do you have shoes?")
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, strings.Contains(string(page), "Do you have shoes?"))
	// Output:
	// 200 true
}
