package phones_test

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// TestPageHasEveryAct does each act of the table by its form on the page and in Go, on two
// fakes that are the same: the conversation and the state stay the same.
func TestPageHasEveryAct(t *testing.T) {
	all := performances(t)
	for _, act := range chatapitest.Acts() {
		t.Run(act.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inGo, onPage := ready(t), ready(t)
				for _, api := range []*chatapitest.API{inGo, onPage} {
					if act.Name == "answers" || act.Name == "passes" {
						api.Standby(true)
					}
				}
				who, args := "", texts(t, all[act.Name])
				if act.Actor == chatapitest.ActorCustomer {
					who = ann
				}
				h := pageOf(t, onPage)
				form := url.Values{"act": {act.Name}, "who": {who}}
				page := readPage(t, h, "/dialog/act?"+form.Encode())
				assert.NotContains(t, page, `<h1 id="dialog-title" dir="auto">`+act.Name, "give it a name in titles")
				for name, value := range args {
					form.Set("arg."+name, value)
					if name != "message" && name != "call" {
						assert.Contains(t, page, `name="arg.`+name+`"`)
					}
				}
				_, err := inGo.Perform(act.Name, who, args)
				require.NoError(t, err)
				w := askPage(h, http.MethodPost, "/act", form, withScript)
				require.Equal(t, http.StatusNoContent, w.Code, w.Body.String())
				assert.Equal(t, inGo.Transcript(), onPage.Transcript())
				one, err := inGo.State()
				require.NoError(t, err)
				two, err := onPage.State()
				require.NoError(t, err)
				assert.Equal(t, string(one), string(two))
			})
		})
	}
}
