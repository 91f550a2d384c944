package phones

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/chatapi-go/chatapi/chatapitest"
)

// This file has what the panels show beside the wire.

// toggle is a switch with the button that turns it.
type toggle struct {
	Name   string
	On     bool
	Button *form
}

func (v *view) toggle(act, arg, name string, on bool) toggle {
	to := "on"
	if on {
		to = "off"
	}
	button := v.Button(name, act, "", arg, name, "on", to)
	button.ID = "toggle-" + strings.ReplaceAll(name, " ", "-") // the same for on and off, so that the focus stays
	return toggle{name, on, button}
}

// Quirks are all quirks, those that are on first.
func (v *view) Quirks() (all []toggle) {
	for _, q := range chatapitest.AllQuirks() {
		all = append(all, v.toggle("sets quirk", "quirk", string(q), slices.Contains(v.Info.Quirks, q)))
	}
	slices.SortStableFunc(all, func(a, b toggle) int { return cmp.Compare(order(a.On), order(b.On)) })
	return all
}

func order(on bool) int {
	if on {
		return 0
	}
	return 1
}

// Settings are the settings of the channel.
func (v *view) Settings() (all []toggle) {
	names := make([]string, 0, len(v.Info.Settings))
	for name := range v.Info.Settings {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		all = append(all, v.toggle("sets setting", "setting", name, v.Info.Settings[name]))
	}
	return all
}

// Templates are the templates of the channel, the newest first, so many as a page can bear.
func (v *view) Templates() []chatapitest.TemplateInfo {
	all := v.api.Templates()
	slices.Reverse(all)
	const most = 100
	return all[:min(len(all), most)]
}

// People are the customers of the channel, for a choice.
func (v *view) People() []choice { return v.people(false) }

// copied is a line of the cabinet with the id of its element.
type copied struct {
	CabinetLine
	ID string
}

// Cabinets are the lines of each channel's cabinet, then those of the program.
func (v *view) Cabinets() (all [][]copied) {
	n := 0
	lines := func(lines ...CabinetLine) {
		var list []copied
		for _, line := range lines {
			n++
			list = append(list, copied{line, fmt.Sprintf("cabinet-%d", n)})
		}
		if list != nil {
			all = append(all, list)
		}
	}
	for _, c := range v.Channels {
		info := c.Info()
		if v.h.reached != "" {
			info.URL = v.h.reached + "/" + string(info.ID)
		}
		lines(CabinetLine{"API URL of " + string(info.ID), info.URL}, CabinetLine{"Token of " + string(info.ID), info.Token})
	}
	address := strings.TrimSuffix(v.Info.URL, string(v.Info.ID))
	lines(CabinetLine{"A wrong token", "wrongtoken0000000000"}, CabinetLine{"A wrong URL", address + "NOCHANNEL"})
	lines(v.h.cabinet...)
	return all
}
