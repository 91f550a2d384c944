package chatapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// unreached returns a client that fails the test when it makes a request.
func unreached(t *testing.T) *chatapi.Client {
	t.Helper()
	client, err := chatapi.New("https://api.test/ABC1", opaqueToken, networkEnd(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s %s was called", r.Method, r.URL.Path)
		return reply(200, `{}`), nil
	}))
	require.NoError(t, err)
	return client
}

// byID has the methods with an id in the path or a file name.
var byID = map[string]func(context.Context, *chatapi.Client, string) error{
	"Groups.Get": func(ctx context.Context, c *chatapi.Client, id string) error {
		_, err := c.Groups.Get(ctx, id)
		return err
	},
	"Groups.Update": func(ctx context.Context, c *chatapi.Client, id string) error {
		return c.Groups.Update(ctx, id, chatapi.GroupPatch{Subject: new("Spring")})
	},
	"Groups.Delete": func(ctx context.Context, c *chatapi.Client, id string) error { return c.Groups.Delete(ctx, id) },
	"Groups.GetInviteLink": func(ctx context.Context, c *chatapi.Client, id string) error {
		_, err := c.Groups.GetInviteLink(ctx, id)
		return err
	},
	"Groups.ResetInviteLink": func(ctx context.Context, c *chatapi.Client, id string) error {
		_, err := c.Groups.ResetInviteLink(ctx, id)
		return err
	},
	"Flows.Get": func(ctx context.Context, c *chatapi.Client, id string) error {
		_, err := c.Flows.Get(ctx, id)
		return err
	},
	"Flows.Delete": func(ctx context.Context, c *chatapi.Client, id string) error { return c.Flows.Delete(ctx, id) },
	"Flows.GetPreview": func(ctx context.Context, c *chatapi.Client, id string) error {
		_, err := c.Flows.GetPreview(ctx, id)
		return err
	},
	"Flows.Publish":   func(ctx context.Context, c *chatapi.Client, id string) error { return c.Flows.Publish(ctx, id) },
	"Flows.Deprecate": func(ctx context.Context, c *chatapi.Client, id string) error { return c.Flows.Deprecate(ctx, id) },
	"Flows.UpdateMetadata": func(ctx context.Context, c *chatapi.Client, id string) error {
		return c.Flows.UpdateMetadata(ctx, id, chatapi.FlowPatch{Name: new("Booking")})
	},
	"Flows.SetAssets": func(ctx context.Context, c *chatapi.Client, id string) error {
		_, err := c.Flows.SetAssets(ctx, id, json.RawMessage(`{"version":"7.0"}`))
		return err
	},
	"Media.Get": func(ctx context.Context, c *chatapi.Client, id string) error {
		_, err := c.Media.Get(ctx, id)
		return err
	},
	"Media.Delete":       func(ctx context.Context, c *chatapi.Client, id string) error { return c.Media.Delete(ctx, id) },
	"Media.DeleteLegacy": func(ctx context.Context, c *chatapi.Client, id string) error { return c.Media.DeleteLegacy(ctx, id) },
}

// elsewhere has the methods whose text goes into a body or a query, where dots
// are harmless.
var elsewhere = map[string]bool{
	"Calls.Accept": true, "Calls.PreAccept": true, "Calls.Reject": true, "Calls.Terminate": true, "Channel.ListHookInfo": true,
	"Flows.SetEncryptionKey": true, "Messages.MarkRead": true, "Templates.Get": true, "Templates.Delete": true,
	"Templates.WaitApproved": true, "Webhooks.Add": true, "Webhooks.Remove": true,
}

func TestIDsThatWouldChangeThePathAreRefused(t *testing.T) {
	for name, call := range byID {
		for _, id := range []string{"", ".", "..", " ", "a b", "a\nb", "a\x00b", "a\xffb"} {
			t.Run(name+" "+id, func(t *testing.T) {
				e := wrongField(t, call(t.Context(), unreached(t), id), chatapi.ErrInvalid, "id")
				assert.NotEmpty(t, e.Op)
				assert.Equal(t, chatapi.ChannelID("ABC1"), e.Channel)
			})
		}
	}
	for _, id := range []string{"..@g.us", " .. ", ".@g.us", "@g.us"} {
		_, err := unreached(t).Groups.Get(t.Context(), id)
		wrongField(t, err, chatapi.ErrInvalid, "id")
	}
}

// Each method with an id is in one of the two tables. Otherwise the tests below
// would miss it.
func TestEveryMethodWithAnIDIsTried(t *testing.T) {
	client := reflect.ValueOf(unreached(t)).Elem()
	found := map[string]bool{}
	for i := range client.NumField() {
		field := client.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		for j := range field.Type.NumMethod() {
			method := field.Type.Method(j)
			if method.Type.NumIn() > 2 && method.Type.In(2) == reflect.TypeFor[string]() {
				name := field.Name + "." + method.Name
				found[name] = true
				assert.True(t, byID[name] != nil || elsewhere[name], "%s is in neither table", name)
			}
		}
	}
	for name := range byID {
		assert.True(t, found[name], "the client has no %s", name)
	}
}

// An id with a slash, a question mark or a percent sign stays one path segment.
func TestIDsStayOneSegment(t *testing.T) {
	for id, segment := range map[string]string{"a/../b": "a%2F..%2Fb", "a?b#c": "a%3Fb%23c", "a%2Fb": "a%252Fb", "...": "...", "..a": "..a"} {
		var path string
		client, err := chatapi.New("https://api.test/ABC1", opaqueToken, networkEnd(func(r *http.Request) (*http.Response, error) {
			path = r.URL.EscapedPath()
			return reply(200, `{"result":true}`), nil
		}))
		require.NoError(t, err)
		require.NoError(t, client.Media.Delete(t.Context(), id))
		assert.Equal(t, "/ABC1/media/"+segment, path)
		require.NoError(t, client.Flows.Publish(t.Context(), id))
		assert.Equal(t, "/ABC1/flows/"+segment+"/publish", path)
		require.NoError(t, client.Groups.Delete(t.Context(), id+"@g.us"))
		assert.Equal(t, "/ABC1/groups/"+segment, path)
	}
}
