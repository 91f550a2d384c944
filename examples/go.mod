module github.com/chatapi-go/chatapi/examples

go 1.26.0

replace github.com/chatapi-go/chatapi => ../
