package browser_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chatapi-go/chatapi/conformance/browser"
)

const fourWords = "four words are fine"

func TestSignIn(t *testing.T) {
	browser.Walk(t, "sign-in: by a link, by a wrong and a right password, and back to the page", func(w *browser.Walker) {
		p := start(w)
		page := w.Open(p.links["Max"])
		page.Sees("This link signs in Max, once.")
		page.Check("a link")
		page.Click("button", "Sign in as Max")
		page.Has("link", "Requests")
		page.Lacks("link", "Management")
		page.Click("link", "Max")
		page.Check("the profile")
		page.Picture("helpdesk-profile")
		page.Fill("New password", fourWords)
		page.Fill("The same again", fourWords)
		page.Click("button", "Change the password")
		page.Sees("The password is changed. Other browsers are signed out.")
		page.Click("button", "Sign out")
		page.Has("heading", "Sign in")

		w.Allow("answer 422 to POST")
		page.Go(p.address + "/profile")
		page.Check("the sign-in")
		page.Picture("helpdesk-signin")
		page.Fill("E-mail address", "max@example.com")
		page.Fill("Password", "four wrong words")
		page.Click("button", "Sign in")
		page.Sees("The e-mail address or the password is wrong, or there were too many tries.")
		page.State("textbox", "Password", "focused", "true")
		assert.Equal(w, "max@example.com", page.Value("E-mail address"))
		page.Check("a wrong password")
		page.Type(fourWords)
		page.Press("Enter")
		page.Has("heading", "Your profile")

		w.Allow("answer 404 to GET")
		page.Go(p.links["Max"])
		page.Sees("This link does not work any more")
		page.Check("a link that was used")
	})
}

func TestProfile(t *testing.T) {
	browser.Walk(t, "profile: name, theme and keys", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Click("link", "Ann")
		page.Fill("Name that colleagues see", "Ann Éxample")
		page.Choose("Theme", "Dark")
		page.Click("checkbox", "Single keys are shortcuts")
		page.Click("button", "Save")
		page.Sees("Your profile is saved.")
		page.Has("link", "Ann Éxample")
		page.State("checkbox", "Single keys are shortcuts", "checked", "false")
		page.State("checkbox", "Enter sends the message", "checked", "true")
		assert.Equal(w, "dark", browser.Eval[string](page, "document.documentElement.dataset.theme"))
		assert.Equal(w, "rgb(19, 22, 26)", browser.Eval[string](page, "getComputedStyle(document.body).backgroundColor"))

		w.Allow("answer 422 to POST")
		page.Fill("New password", fourWords)
		page.Fill("The same again", fourWords+"!")
		page.Click("button", "Change the password")
		page.Sees("The two new passwords are not the same. Type them again.")
		page.State("textbox", "The same again", "focused", "true")
		page.Check("two new passwords")
	})
}

func TestAgents(t *testing.T) {
	browser.Walk(t, "agents: add one, who comes by the link and sees one department, and let it go", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Click("link", "Management")
		page.Within("navigation", "Management").Click("link", "Agents")
		page.Check("agents")
		page.Picture("helpdesk-agents")
		page.Click("link", "Add agent")
		page.Check("a new agent")
		page.Fill("E-mail address", "zoe@example.com")
		page.Fill("Name that colleagues see", "Zoe")
		page.Click("checkbox", "Support")
		page.Click("button", "Add agent")
		page.Sees("Zoe is added. Give this link to the agent only.")
		link := browser.Eval[string](page, `document.querySelector(".notice").textContent.match(/http\S+/)[0]`)
		page.Check("a link for an agent")

		page.Go(link) // in the same browser, so Ann is signed out
		page.Click("button", "Sign in as Zoe")
		page.Has("heading", "Choose a password")
		page.Click("link", "Requests")
		page.Misses("Dora Prove")
		w.Allow("answer 403 to GET")
		page.Go(p.address + "/manage/agents")
		page.Sees("Only an administrator may do that.")
		page.Check("a page for administrators")
		page.Click("button", "Sign out")
		page.Has("heading", "Sign in")
	})
}

func TestDepartments(t *testing.T) {
	browser.Walk(t, "departments: add, rename, keep one that has requests, remove, and see it in the audit", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Click("link", "Management")
		page.Within("navigation", "Management").Click("link", "Departments")
		page.Picture("helpdesk-departments")
		page.Click("link", "Add department")
		w.Allow("answer 422 to POST")
		page.Fill("Name", "sales")
		page.Click("button", "Save")
		page.Sees("There is a department Sales already.")
		page.State("textbox", "Name", "focused", "true")
		page.Check("a name that another has")
		page.Fill("Name", "Orders")
		page.Click("button", "Save")
		page.Sees("The department Orders is added.")
		page.Check("departments")

		page.Click("link", "Orders")
		page.Fill("Name", "Purchases")
		page.Fill("Hours in which a message reopens a solved request", "0")
		page.Click("button", "Save")
		page.Sees("never")
		page.Click("link", "Sales")
		page.Sees("so it cannot be removed.")
		page.Lacks("button", "Remove the department")
		page.Check("a department that stays")
		page.Click("link", "Cancel")
		page.Click("link", "Purchases")
		page.Click("button", "Remove the department")
		page.Sees("The department is removed.")
		page.Within("navigation", "Management").Click("link", "Audit")
		page.Sees("Purchases, reopens within 0 h")
		page.Check("the audit")
		page.Picture("helpdesk-audit")
	})
}

func TestCannedReplies(t *testing.T) {
	browser.Walk(t, "canned replies: add, change and remove", func(w *browser.Walker) {
		p := start(w)
		page := p.signIn("Ann")
		page.Go(p.address + "/manage/canned/new")
		page.Check("a new reply")
		page.Fill("Shortcut", "/parking")
		page.Fill("Text", "You can park behind the house.")
		page.Choose("For", "Sales")
		page.Click("button", "Save")
		page.Sees("The canned reply is saved.")
		page.Sees("You can park behind the house.")
		page.Check("canned replies")
		page.Picture("helpdesk-canned")
		page.Click("link", "/parking")
		page.Fill("Text", "You can park in front of the house.")
		page.Click("button", "Save")
		page.Sees("in front of the house")
		page.Click("link", "/parking")
		page.Click("button", "Remove the reply")
		page.Sees("The canned reply /parking is removed.")
		page.Misses("in front of the house")
		require.Equal(w, p.address+"/manage/canned", page.URL())
	})
}
