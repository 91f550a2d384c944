package chatapitest

import (
	"errors"
	"fmt"
)

// judge returns the error of the play: that of the line where it ended, or the
// difference of the conversations.
func (p *player) judge(ended error) error {
	if p.differs == 0 {
		return ended
	}
	where := fmt.Sprintf("line %d", p.differs)
	if p.script.name != "" {
		where = fmt.Sprintf("%s:%d", p.script.name, p.differs)
	}
	text := fmt.Sprintf("the conversation goes otherwise than the script from %s on (- the script, + what happened):\n%s", where, difference(p.want, p.got))
	for _, advice := range p.advice() {
		text += "\n" + advice
	}
	if ended != nil {
		return fmt.Errorf("%w\n%s", ended, text)
	}
	return errors.New(text)
}

// advice returns the likely reasons why a bot was silent, and the remarks of the fake.
func (p *player) advice() (all []string) {
	entries, _ := p.api.world.entriesFrom(p.began)
	remarks, answers := 0, 0
	for _, e := range entries {
		if e.got != nil {
			answers++
		}
		if e.remark != "" {
			if remarks++; remarks <= 5 {
				all = append(all, "Note: "+e.remark)
			}
		}
	}
	if remarks > 5 {
		all = append(all, fmt.Sprintf("Note: %d more such notes; API.Transcript has all", remarks-5))
	}
	for _, a := range p.api.world.all() {
		a.mu.Lock()
		blocked, expired, hooks := a.blocked != "", a.expired, len(a.hooks)
		a.mu.Unlock()
		switch {
		case blocked:
			all = append(all, "The channel "+a.channel+" is blocked, so it refuses every send; API.Unblock, or the line “Service unblocks channel”, ends that.")
		case expired:
			all = append(all, "The token of the channel "+a.channel+" has expired; API.RenewToken, or the line “Service renews token”, renews it.")
		case hooks == 0 && answers == 0:
			all = append(all, "The channel "+a.channel+" has no webhook, so no bot hears its customers; give API.Webhook the handler.")
		}
	}
	if len(all) == 0 && answers == 0 {
		all = append(all, "The bot has sent nothing at all. Look whether its handler gets the message, and returns an error that somebody sees.")
	}
	return all
}
