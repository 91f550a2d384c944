// Consumer is the smallest program that uses the SDK. It is built to see that a
// user needs nothing beyond the root package, and how many lines that adds to
// their go.sum.
package main

import (
	"fmt"
	"os"

	"github.com/chatapi-go/chatapi"
)

func main() {
	client, err := chatapi.New("https://api.1msg.io/ABC100000001", "sample-token")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(client)
}
