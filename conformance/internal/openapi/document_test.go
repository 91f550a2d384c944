package openapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/internal/openapi"
)

// shop has features that the document of the service lacks: a closed body,
// headers, references to parameters, and a second kind of credential.
const shop = `
openapi: 3.1.0
info: {title: Shop, version: 1.0.0}
security:
- key: []
- bearer: []
paths:
  /cups/{cup}:
    parameters:
    - {name: cup, in: path, required: true, schema: {type: integer, minimum: 1}}
    get:
      operationId: getCup
      parameters:
      - $ref: '#/components/parameters/Language'
      responses:
        '200': {$ref: '#/components/responses/Cup'}
        4XX: {description: no}
    put:
      operationId: putCup
      security: []
      requestBody:
        content:
          application/json: {schema: {$ref: '#/components/schemas/Cup'}}
          text/plain: {schema: {type: string, maxLength: 3}}
          text/csv: {schema: {type: string}}
          image/png: {}
      responses:
        default: {description: done}
  /cups/best:
    get:
      operationId: getBestCup
      security: [{}]
      responses:
        '200': {$ref: '#/components/responses/Cup'}
components:
  parameters:
    Language: {name: X-Language, in: header, schema: {enum: [en, de, '1'], type: string}}
  responses:
    Cup:
      description: a cup
      headers:
        X-Left: {required: true, schema: {type: integer}}
      content:
        application/json: {schema: {$ref: '#/components/schemas/Cup'}}
  schemas:
    Cup:
      type: object
      required: [color]
      properties:
        color: {enum: [red, blue]}
        size: {type: [integer, 'null']}
      additionalProperties: false
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    bearer: {type: http, scheme: bearer}
`

// Each row spoils the document in one place.
func TestReadRefuses(t *testing.T) {
	_, err := openapi.Read([]byte(shop))
	require.NoError(t, err)
	for name, c := range map[string]struct{ from, to, want string }{
		"no YAML":                          {"openapi: 3.1.0", "openapi: [", "read the document"},
		"a key twice":                      {"openapi: 3.1.0", "openapi: 3.1.0\nopenapi: 3.1.0", "already defined"},
		"another version":                  {"openapi: 3.1.0", "openapi: 3.0.3", "document.openapi '3.0.3' does not match pattern"},
		"no title":                         {"title: Shop, ", "", "document.info missing property 'title'"},
		"a member that is no OpenAPI":      {"4XX: {description: no}", "4XX: {description: no, body: {}}", "responses.4XX.body false schema"},
		"a response without a description": {"4XX: {description: no}", "4XX: {}", "missing property 'description'"},
		"a path without a slash":           {"/cups/best:", "cups/best:", "document.paths"},
		"a malformed schema":               {"required: [color]", "required: color", "required got string, want array"},
		"a schema of no known type":        {"schema: {type: integer}", "schema: {type: int}", "value must be one of"},
		"a malformed pattern":              {"maxLength: 3", "pattern: '('", "missing closing )"},
		"a pattern in an unused schema":    {"  schemas:\n", "  schemas:\n    Pot: {pattern: '('}\n", "missing closing )"},
		"a reference to nothing":           {"'#/components/parameters/Language'", "'#/components/parameters/Color'", `the reference "#/components/parameters/Color" leads nowhere`},
		"a schema's reference to nothing":  {"schemas/Cup'}}\n          text", "schemas/Pot'}}\n          text", `the reference "#/components/schemas/Pot" leads nowhere`},
		"a reference to another file":      {"'#/components/parameters/Language'", "other.yaml", "leads out of the document"},
		"no operationId":                   {"operationId: putCup", "summary: none", "missing or used twice"},
		"an operationId twice":             {"operationId: putCup", "operationId: getCup", `the operationId "getCup" is missing or used twice`},
		"an undeclared path parameter":     {"/cups/{cup}:", "/cups/{cup}/{part}:", `the path's parameter "part" is not declared`},
		"a path parameter not in the path": {"/cups/{cup}:", "/cups/one:", `the parameter "cup" is not in the path`},
		"an optional path parameter":       {"in: path, required: true", "in: path, required: false", "required"},
		"a part of a segment":              {"/cups/{cup}:", "/cups/no-{cup}:", "a part of the segment"},
		"a parameter twice":                {"      - $ref: '#/components/parameters/Language'", "      - $ref: '#/components/parameters/Language'\n      - $ref: '#/components/parameters/Language'", "declared twice"},
		"one path twice":                   {"/cups/best:", "/cups/{best}:\n    parameters:\n    - {name: best, in: path, required: true, schema: {type: string}}", "is another operation's, too"},
		"an unknown credential":            {"- bearer: []", "- basic: []", "no such security scheme"},
		"a style":                          {"in: header, schema", "in: header, style: simple, schema", "style is not judged"},
		"a cookie":                         {"in: header, schema", "in: cookie, schema", "cookies are not judged"},
		"a parameter that is a list":       {"type: integer, minimum: 1", "type: array", `the type "array", is not judged`},
		"a range of types":                 {"image/png: {}", "image/*: {}", "not judged"},
		"a dialect":                        {"openapi: 3.1.0", "openapi: 3.1.0\njsonSchemaDialect: https://dialect.example", "a dialect of JSON Schema is not judged"},
		"a security that is not judged":    {"type: http, scheme: bearer", "type: mutualTLS", "is not judged"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(shop, c.from), c.from)
			_, err := openapi.Read([]byte(strings.Replace(shop, c.from, c.to, 1)))
			require.Error(t, err)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestShareAddsWhereThereIsNone(t *testing.T) {
	document, err := openapi.Read([]byte(shop))
	require.NoError(t, err)
	require.ErrorContains(t, document.Share("404", "Pot"), `no response "Pot"`)
	best, ok := document.Find("GET", "/cups/best")
	require.True(t, ok)
	json := map[string][]string{"Content-Type": {"application/json"}, "X-Left": {"1"}}
	assert.NotEmpty(t, best.Response(201, json, []byte(`{"color":"red"}`)))
	require.NoError(t, document.Share("201", "Cup"))
	assert.Empty(t, best.Response(201, json, []byte(`{"color":"red"}`)))
	assert.NotEmpty(t, best.Response(201, json, []byte(`{"color":"pink"}`)))
	cup, ok := document.Find("PUT", "/cups/7")
	require.True(t, ok)
	require.NoError(t, document.Share("default", "Cup"))
	assert.Empty(t, cup.Response(404, nil, nil), "an operation keeps its own response")
}
