package chatapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi"
)

// The requests of the families match the contract's examples.
// TestRequestsAreTheContracts compares the messages.
func TestContractRequests(t *testing.T) {
	const sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
	const hook, crm = "https://hooks.example.com/wa", "https://crm.example.com/in"
	text := func(s string) *string { return &s }
	pat := chatapi.Phone("12025550143")
	got := func(_ any, err error) error { return err }
	for file, tc := range map[string]struct {
		way  string // method and path
		call func(context.Context, *chatapi.Client) error
	}{
		"request-read-message": {"POST readMessage", func(ctx context.Context, c *chatapi.Client) error {
			return c.Messages.MarkRead(ctx, "wamid.SYNTHETIC0000000000000001", true)
		}},
		"request-upload-media": {"POST uploadMedia", func(ctx context.Context, c *chatapi.Client) error {
			return got(c.Media.Upload(ctx, chatapi.MediaURL("https://files.example.com/photo.jpg")))
		}},
		"request-delete-media-legacy": {"POST deleteMedia", func(ctx context.Context, c *chatapi.Client) error {
			return c.Media.DeleteLegacy(ctx, "100000000000077")
		}},
		"request-update-me": {"POST me", func(ctx context.Context, c *chatapi.Client) error {
			return c.Profile.Update(ctx, chatapi.ProfilePatch{About: text("Open 9-18"), Email: text("info@example.com"),
				Vertical: text("Shopping and Retail"), Websites: []string{"https://www.example.com"}})
		}},
		"request-set-webhook-one": {"POST webhook", func(ctx context.Context, c *chatapi.Client) error {
			return c.Webhooks.Set(ctx, hook)
		}},
		"request-set-webhook-list": {"POST webhook", func(ctx context.Context, c *chatapi.Client) error {
			return c.Webhooks.Set(ctx, hook, crm)
		}},
		"request-settings-clear-webhook": {"POST settings", func(ctx context.Context, c *chatapi.Client) error { return c.Webhooks.Clear(ctx) }},
		"request-block-user":             {"POST blockUser", func(ctx context.Context, c *chatapi.Client) error { return c.Users.Block(ctx, pat) }},
		"request-unblock-user":           {"POST unblockUser", func(ctx context.Context, c *chatapi.Client) error { return c.Users.Unblock(ctx, pat) }},
		"request-group-create": {"POST groups", func(ctx context.Context, c *chatapi.Client) error {
			return got(c.Groups.Create(ctx, chatapi.GroupDraft{Subject: "Project", Description: "Weekly news"}))
		}},
		"request-group-update": {"POST groups/120363000000000001", func(ctx context.Context, c *chatapi.Client) error {
			return c.Groups.Update(ctx, "120363000000000001@g.us", chatapi.GroupPatch{Subject: text("Project B"),
				Picture: chatapi.MediaURL("https://files.example.com/g.jpg")})
		}},
		"request-flow-create": {"POST flows", func(ctx context.Context, c *chatapi.Client) error {
			return got(c.Flows.Create(ctx, chatapi.FlowDraft{Name: "lead_form", Categories: []chatapi.FlowCategory{"LEAD_GENERATION"},
				EndpointURI: "https://flows.example.com/data"}))
		}},
		"request-flow-metadata": {"PATCH flows/21/metadata", func(ctx context.Context, c *chatapi.Client) error {
			return c.Flows.UpdateMetadata(ctx, "21", chatapi.FlowPatch{Name: text("lead_form_2"), Categories: []chatapi.FlowCategory{"OTHER"}})
		}},
		"request-flow-assets": {"PATCH flows/21/assets", func(ctx context.Context, c *chatapi.Client) error {
			return got(c.Flows.SetAssets(ctx, "21", json.RawMessage(`{"version":"7.0","screens":[]}`)))
		}},
		"request-encryption-key": {"POST whatsapp_business_encryption", func(ctx context.Context, c *chatapi.Client) error {
			return c.Flows.SetEncryptionKey(ctx, "-----BEGIN PUBLIC KEY-----\nSYNTHETICNOTAKEY\n-----END PUBLIC KEY-----\n")
		}},
		"request-commerce": {"POST commerce", func(ctx context.Context, c *chatapi.Client) error {
			return c.Catalog.SetCommerce(ctx, chatapi.Commerce{Cart: true})
		}},
		"request-conversational-automation": {"POST conversationalAutomation", func(ctx context.Context, c *chatapi.Client) error {
			return c.Automation.Set(ctx, chatapi.Automation{Welcome: true, Prompts: []string{"Where is my order?"},
				Commands: []chatapi.Command{{Name: "track", Description: "Track an order"}}})
		}},
		"request-settings-update": {"POST settings", func(ctx context.Context, c *chatapi.Client) error {
			yes, no := true, false
			return c.Settings.Update(ctx, chatapi.SettingsPatch{AckNotifications: &yes, GuaranteedHooks: &yes, RawHooks: &no})
		}},
		"request-calling-settings": {"POST callingSettings", func(ctx context.Context, c *chatapi.Client) error {
			return c.Calls.UpdateSettings(ctx, chatapi.CallSettings{Status: "ENABLED", IconVisibility: "DEFAULT"})
		}},
		"request-call-connect": {"POST initiateCall", func(ctx context.Context, c *chatapi.Client) error {
			return got(c.Calls.Connect(ctx, pat, chatapi.CallSession{SDP: sdp, CallbackData: "case-7"}))
		}},
		"request-call-accept": {"POST initiateCall", func(ctx context.Context, c *chatapi.Client) error {
			return c.Calls.Accept(ctx, "wacid.SYNTHETIC0001", chatapi.CallSession{SDP: sdp})
		}},
		"request-call-terminate": {"POST initiateCall", func(ctx context.Context, c *chatapi.Client) error {
			return c.Calls.Terminate(ctx, "wacid.SYNTHETIC0001")
		}},
	} {
		t.Run(file, func(t *testing.T) {
			client, seen := recording(t, `{"success":true,"set":true,"result":"success","mediaId":"1","id":"21","webhookUrl":["`+hook+`","`+crm+`"]}`)
			err := tc.call(t.Context(), client)
			require.NotEmpty(t, *seen, "nothing was sent: %v", err)
			last := (*seen)[0]
			assert.Equal(t, tc.way, last.way)
			assert.JSONEq(t, string(contract(t, file+".json")), last.body)
		})
	}
}

type seenRequest struct{ way, body string }

// recording returns a client whose service answers every request with one reply,
// and the requests that it got.
func recording(t *testing.T, answer string) (*chatapi.Client, *[]seenRequest) {
	t.Helper()
	var seen []seenRequest
	client, err := chatapi.New("https://api.test/ABC1", "token-0001", chatapi.WithHTTPClient(&http.Client{
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			var body []byte
			if r.Body != nil {
				body, _ = io.ReadAll(r.Body)
			}
			seen = append(seen, seenRequest{r.Method + " " + strings.TrimPrefix(r.URL.Path, "/ABC1/"), string(body)})
			return reply(200, answer), nil
		})}))
	require.NoError(t, err)
	return client, &seen
}

// The contract's replies are read in full: each member is in a field, or in Raw.
func TestContractFamilyReplies(t *testing.T) {
	ctx := t.Context()
	for file, read := range map[string]func(*testing.T, *chatapi.Client){
		"response-success-flag": func(t *testing.T, c *chatapi.Client) { assert.NoError(t, c.Groups.Delete(ctx, "1")) },
		"response-group-deleted": func(t *testing.T, c *chatapi.Client) {
			assert.NoError(t, c.Groups.Delete(ctx, "120363000000000001"))
		},
		"response-group-invite-link": func(t *testing.T, c *chatapi.Client) {
			link, err := c.Groups.GetInviteLink(ctx, "1")
			require.NoError(t, err)
			assert.Equal(t, "https://chat.example.com/SYNTHETIC", link)
		},
		"response-invite-link-reset": func(t *testing.T, c *chatapi.Client) {
			link, err := c.Groups.ResetInviteLink(ctx, "1")
			require.NoError(t, err)
			assert.Equal(t, "https://chat.example.com/SYNTHETIC2", link)
		},
		"response-media-deleted": func(t *testing.T, c *chatapi.Client) { assert.NoError(t, c.Media.Delete(ctx, "77")) },
		"response-upload-media": func(t *testing.T, c *chatapi.Client) {
			id, err := c.Media.Upload(ctx, chatapi.MediaURL("https://files.example.com/photo.jpg"))
			require.NoError(t, err)
			assert.Equal(t, "100000000000077", id)
		},
		"response-retrieve-media":             readMediaInfo,
		"response-retrieve-media-graph-names": readMediaInfo,
		"response-flow-published":             func(t *testing.T, c *chatapi.Client) { assert.NoError(t, c.Flows.Publish(ctx, "21")) },
		"response-flow-deprecated":            func(t *testing.T, c *chatapi.Client) { assert.NoError(t, c.Flows.Deprecate(ctx, "21")) },
		"response-flow-deleted":               func(t *testing.T, c *chatapi.Client) { assert.NoError(t, c.Flows.Delete(ctx, "21")) },
		"response-flow-assets": func(t *testing.T, c *chatapi.Client) {
			problems, err := c.Flows.SetAssets(ctx, "21", json.RawMessage(`{}`))
			require.NoError(t, err)
			assert.Empty(t, problems)
		},
		"response-flow-assets-graph-names": func(t *testing.T, c *chatapi.Client) {
			problems, err := c.Flows.SetAssets(ctx, "21", json.RawMessage(`{}`))
			require.ErrorIs(t, err, chatapi.ErrInvalid)
			require.Len(t, problems, 1)
			assert.Equal(t, "INVALID_PROPERTY", problems[0].Code)
			assert.Equal(t, "Unknown property", problems[0].Message)
			assert.JSONEq(t, `{"error":"INVALID_PROPERTY","message":"Unknown property"}`, string(problems[0].Raw))
		},
		"response-flow-preview": func(t *testing.T, c *chatapi.Client) {
			preview, err := c.Flows.GetPreview(ctx, "21")
			require.NoError(t, err)
			assert.Equal(t, "https://flows.example.com/preview/21", preview.URL)
			assert.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), preview.ExpiresAt.UTC())
			assert.JSONEq(t, string(contract(t, "response-flow-preview.json")), string(preview.Raw))
		},
		"response-calling-settings": func(t *testing.T, c *chatapi.Client) {
			settings, err := c.Calls.GetSettings(ctx)
			require.NoError(t, err)
			assert.Equal(t, "ENABLED", settings.Status)
			assert.Equal(t, "DEFAULT", settings.IconVisibility)
			assert.JSONEq(t, string(contract(t, "response-calling-settings.json")), string(settings.Raw))
		},
		"response-call-connect": func(t *testing.T, c *chatapi.Client) {
			call, err := c.Calls.Connect(ctx, chatapi.Phone("12025550143"), chatapi.CallSession{SDP: "v=0\r\n"})
			require.NoError(t, err)
			assert.Equal(t, "wacid.SYNTHETIC0002", call.ID)
			assert.JSONEq(t, string(contract(t, "response-call-connect.json")), string(call.Raw))
		},
		"response-hook-info": func(t *testing.T, c *chatapi.Client) {
			hooks, err := c.Channel.ListHookInfo(ctx, "wamid.SYNTHETIC0000000000000001")
			require.NoError(t, err)
			require.Len(t, hooks, 1)
			assert.Equal(t, "wamid.SYNTHETIC0000000000000001", hooks[0].MessageID)
			assert.Equal(t, "message", hooks[0].Type)
			assert.Equal(t, chatapi.StatusSent, hooks[0].Status)
			assert.Equal(t, "12025550143", hooks[0].Recipient.Value())
			assert.Equal(t, int64(1795000000), hooks[0].Time.Unix())
			assert.JSONEq(t, `{"billable":true,"category":"utility","pricing_model":"PMP"}`, string(hooks[0].Pricing))
			assert.JSONEq(t, `{"id":"c0ffee00000000000000000000000001","origin":{"type":"utility"}}`, string(hooks[0].Conversation))
		},
		"response-blocked-users": func(t *testing.T, c *chatapi.Client) {
			users, err := c.Users.ListBlocked(ctx)
			require.NoError(t, err)
			require.Len(t, users, 1)
			assert.Equal(t, "12025550143", users[0].Phone)
		},
		"response-commerce": func(t *testing.T, c *chatapi.Client) {
			shops, err := c.Catalog.ListCommerce(ctx)
			require.NoError(t, err)
			require.Len(t, shops, 1)
			assert.Equal(t, "100000000000011", shops[0].ID)
			assert.Equal(t, chatapi.Commerce{Cart: true}, shops[0].Commerce)
		},
		"response-conversational-automation": func(t *testing.T, c *chatapi.Client) {
			automation, err := c.Automation.Get(ctx)
			require.NoError(t, err)
			assert.True(t, automation.Welcome)
			assert.Equal(t, []string{"Where is my order?"}, automation.Prompts)
			assert.Empty(t, automation.Commands)
		},
		"response-encryption-key": func(t *testing.T, c *chatapi.Client) {
			key, err := c.Flows.GetEncryptionKey(ctx)
			require.NoError(t, err)
			assert.Equal(t, "-----BEGIN PUBLIC KEY-----\nSYNTHETICNOTAKEY\n-----END PUBLIC KEY-----\n", key.PEM)
			assert.Equal(t, "VALID", key.SignatureStatus)
		},
		"response-flows": func(t *testing.T, c *chatapi.Client) {
			for flow, err := range c.Flows.All(ctx) {
				require.NoError(t, err)
				assert.Equal(t, "100000000000021", flow.ID)
				assert.Equal(t, "lead_form", flow.Name)
				assert.EqualValues(t, "DRAFT", flow.Status)
				assert.Equal(t, []chatapi.FlowCategory{"LEAD_GENERATION"}, flow.Categories)
				return
			}
			t.Error("there was no flow")
		},
		"response-groups": func(t *testing.T, c *chatapi.Client) {
			for group, err := range c.Groups.All(ctx) {
				require.NoError(t, err)
				assert.Equal(t, "120363000000000001@g.us", group.Recipient().Value())
				assert.Equal(t, "Project", group.Subject)
				return
			}
			t.Error("there was no group")
		},
		"response-messages-empty-notice": func(t *testing.T, c *chatapi.Client) {
			for _, err := range c.Messages.All(ctx, chatapi.HistoryFilter{}) {
				require.ErrorIs(t, err, chatapi.ErrHistoryOff)
				assert.ErrorContains(t, err, "Message history is not stored for this channel")
				return
			}
			t.Error("there was no error")
		},
		"response-mm-lite": func(t *testing.T, c *chatapi.Client) {
			lite, err := c.Channel.GetMarketingLite(ctx)
			require.NoError(t, err)
			assert.False(t, lite.Available)
			assert.Equal(t, "NOT_ONBOARDED", lite.Status)
			assert.Equal(t, "Not enabled", lite.Message)
		},
		"response-output-ip": func(t *testing.T, c *chatapi.Client) {
			ip, err := c.Channel.GetOutputIP(ctx)
			require.NoError(t, err)
			assert.Equal(t, "192.0.2.10", ip)
		},
		"response-settings": func(t *testing.T, c *chatapi.Client) {
			settings, err := c.Settings.Get(ctx)
			require.NoError(t, err)
			assert.Equal(t, []chatapi.WebhookInfo{{URL: "https://hooks.example.com/wa"}}, settings.Webhooks)
			assert.True(t, settings.GuaranteedHooks)
			assert.True(t, settings.AckNotifications)
			assert.False(t, settings.RawHooks)
			assert.False(t, settings.TemplateAnalytics)
			assert.False(t, settings.LinkTrackingOptedOut)
		},
		"response-webhook-set": func(t *testing.T, c *chatapi.Client) {
			assert.NoError(t, c.Webhooks.Set(ctx, "https://hooks.example.com/wa"))
		},
		"response-settings-updated": func(t *testing.T, c *chatapi.Client) {
			yes := true
			assert.NoError(t, c.Settings.Update(ctx, chatapi.SettingsPatch{RawHooks: &yes}))
		},
		"response-statistics": func(t *testing.T, c *chatapi.Client) {
			month, err := c.Channel.GetStatistics(ctx, chatapi.Month(2026, time.October))
			require.NoError(t, err)
			assert.Equal(t, "10.2026", month.Date)
			assert.Equal(t, json.Number("12.5"), month.TemplatesCost)
		},
		"response-extended-statistics": func(t *testing.T, c *chatapi.Client) {
			periods, err := c.Channel.ListExtendedStatistics(ctx)
			require.NoError(t, err)
			require.Len(t, periods, 1)
			assert.Equal(t, "2022-10-01", periods[0].Date)
			assert.EqualValues(t, 3, periods[0].Conversations)
			assert.EqualValues(t, 3, periods[0].FreeTier)
			assert.Zero(t, periods[0].Paid)
		},
	} {
		t.Run(file, func(t *testing.T) {
			client, _ := recording(t, string(contract(t, file+".json")))
			read(t, client)
		})
	}
}

func readMediaInfo(t *testing.T, c *chatapi.Client) {
	info, err := c.Media.Get(t.Context(), "100000000000077")
	require.NoError(t, err)
	assert.Equal(t, "100000000000077", info.ID)
	assert.Equal(t, "https://media.example.com/t/77?sig=synthetic", info.URL)
	assert.Equal(t, "image/jpeg", info.MIMEType)
	assert.EqualValues(t, 20480, info.Size)
	assert.Equal(t, strings.Repeat("0", 64), info.SHA256)
}

// A test of this package names each example of the contract, so that no new
// example stays unread. The examples in neverWritten are other spellings of
// requests that the SDK writes; the fake accepts them.
func TestContractExamplesAreAllUsed(t *testing.T) {
	neverWritten := map[string]string{
		"request-send-contact-simple.json":       "the service's own form of one card; Contacts writes Meta's",
		"request-send-message-phone-number.json": "the number as a JSON number; Phone writes text",
		"request-send-carousel-params.json":      "pages in the form with params; Carousel writes the form with cards",
	}
	sources, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var tests strings.Builder
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		tests.Write(text)
	}
	examples, err := filepath.Glob("testdata/contract/*.json")
	require.NoError(t, err)
	used := 0
	for _, path := range examples {
		name := filepath.Base(path)
		kind, rest, _ := strings.Cut(strings.TrimSuffix(name, ".json"), "-")
		if kind != "request" && kind != "response" && kind != "error" || neverWritten[name] != "" {
			continue
		}
		named := strings.Contains(tests.String(), `"`+kind+"-"+rest) || strings.Contains(tests.String(), "/"+kind+"-"+rest) ||
			kind == "request" && strings.Contains(tests.String(), `"`+rest+`"`)
		assert.True(t, named, "no test reads %s", name)
		used++
	}
	t.Logf("%d examples are used", used)
	assert.Greater(t, used, 100)
}
