module consumer.example

go 1.26.0

replace github.com/chatapi-go/chatapi => ../../..

require github.com/chatapi-go/chatapi v0.0.0

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	golang.org/x/time v0.16.0 // indirect
)
