package chatapi

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/chatapi-go/chatapi/internal/ledger"
	"github.com/chatapi-go/chatapi/internal/ratecard"
)

// Forecast is the expected cost of a month.
type Forecast struct {
	Month YearMonth `json:"month"`
	Now   time.Time `json:"now"`

	// Spent is the cost of the units before Now; Totals is the expected cost of
	// the whole month. Both have one sum for each currency.
	Spent  []Money `json:"spent"`
	Totals []Money `json:"totals"`

	// Low is Totals if every day left is like the quietest of the whole days so
	// far, and High if it is like the busiest. Before the first day is over both
	// are equal to Totals.
	Low  []Money `json:"low"`
	High []Money `json:"high"`

	// Costs are the parts of Totals, the most expensive first. It is empty for a
	// closed month.
	Costs []Cost `json:"costs"`

	// Gaps are the prices that no card has. The sums leave them out.
	Gaps []Gap `json:"gaps"`
}

// Forecast returns the expected bill of the month, from the facts recorded until
// now. The error is [ErrNoPrice] as from [Ledger.Bill].
//
// It assumes that the rest of the month goes on as the month began. Each account,
// number, market and category gets as many units for each hour left as it got for
// each hour so far, in whole numbers. Units that are free for a reason of their
// own, such as a free entry point, keep their share. The rest of a free tier is
// shared in proportion; the other units pay under the rules, prices and volume
// tiers of now. Early in the month the forecast is not worth much; less than an
// hour counts as an hour.
//
// The forecast of a month that is over is its bill. A month that has not begun is
// [ErrInvalid].
func (l *Ledger) Forecast(month YearMonth, now time.Time) (*Forecast, error) {
	const op = "Ledger.Forecast"
	if err := l.usableFor(month); err != nil {
		return nil, ledgerError(op, err)
	}
	if err := checkNow(now); err != nil {
		return nil, ledgerError(op, err)
	}
	l.lock()
	defer l.mu.Unlock()
	p := &projection{ledger: l, now: now.UnixNano(), meter: l.newMeter(month), sums: tally{costs{}, totals{}},
		groups: map[flow]int{}, pace: map[*account]*pace{}}
	over, begun := true, false
	for _, a := range l.accounts {
		over = over && p.now >= a.monthEnd(month)
		begun = begun || p.now >= a.monthStart(month)
		p.sums.totals[a.Rates.Currency()] = Money{Currency: a.Rates.Currency()}
		p.pace[a] = &pace{start: a.monthStart(month), end: a.monthEnd(month)}
	}
	switch {
	case !begun:
		return nil, ledgerError(op, invalid("now", "is before "+month.String()+" has begun, so there is nothing to go by; ask for the month of now, or add QuoteAll for a campaign"))
	case over && l.closed[month] != nil:
		bill, err := l.bill(month)
		return &Forecast{month, now, bill.Totals, bill.Totals, bill.Totals, bill.Totals, nil, bill.Gaps}, ledgerError(op, err)
	}
	if err := p.sum(l.units(month, nil)); err != nil {
		return nil, ledgerError(op, err)
	}
	result := &Forecast{Month: month, Now: now, Spent: p.sums.totals.sorted()}
	for _, run := range []struct {
		more   func(*pace) uint64
		totals *[]Money
	}{
		{func(pace *pace) uint64 { return pace.low(p.now) }, &result.Low},
		{func(pace *pace) uint64 { return pace.high(p.now) }, &result.High},
		{func(pace *pace) uint64 { return pace.mean(p.now) }, &result.Totals}, // comes last, because its costs and gaps stay
	} {
		end, err := p.extrapolate(run.more)
		if err != nil {
			return nil, ledgerError(op, err)
		}
		*run.totals, result.Costs, result.Gaps = end.sums.totals.sorted(), end.sums.costs.sorted(), end.missing()
	}
	return result, ledgerError(op, gapError(result.Gaps))
}

// checkNow refuses an instant that no ledger can know.
func checkNow(now time.Time) error {
	switch {
	case now.IsZero():
		return invalid("now", "is the zero time; give an instant, such as time.Now()")
	case now.Year() < ledger.MinYear || now.Year() > ledger.MaxYear:
		return invalid("now", fmt.Sprintf("is in the year %d; check whether seconds and milliseconds were mixed up", now.Year()))
	}
	return nil
}

// projection is a month until now, or extended to its end.
type projection struct {
	ledger *Ledger
	now    int64
	meter  *meter
	sums   tally
	groups map[flow]int // the number of units
	pace   map[*account]*pace
}

// flow is a kind of units that continues to the end of the month. Free is a
// reason other than the free tier.
type flow struct {
	account          *account
	channel          ChannelID
	market, category string
	free             FreeReason
}

func (f flow) compare(g flow) int {
	return cmp.Or(cmp.Compare(f.channel, g.channel), cmp.Compare(f.market, g.market), cmp.Compare(f.category, g.category), cmp.Compare(f.free, g.free))
}

// pace counts the units of an account so far, by day.
type pace struct {
	start, end int64
	units      int
	days       map[int64]int // by number of 24 hours since the start
}

// sum charges the units before now.
func (p *projection) sum(units []*ledger.Unit) error {
	for _, opened := range units {
		if opened.Opened >= p.now || opened.Kind == ledger.UnitWindow {
			continue
		}
		u := p.ledger.unit(opened)
		c, g := p.meter.charge(u)
		kind := flow{u.account, c.Channel, c.Market, c.Category, c.Free}
		if g.free > 0 {
			kind.free = ""
		}
		p.groups[kind]++
		pace := p.pace[u.account]
		pace.units++
		if pace.days == nil {
			pace.days = map[int64]int{}
		}
		pace.days[(u.Opened-pace.start)/int64(day24)]++
		if err := p.sums.add(costOf(c), 1); err != nil {
			return err
		}
	}
	return nil
}

// left returns the remaining time of the account's month. gone returns the time
// so far, at least an hour.
func (p *pace) left(now int64) uint64 { return uint64(max(0, p.end-max(now, p.start))) }
func (p *pace) gone(now int64) uint64 { return uint64(max(int64(time.Hour), min(now, p.end)-p.start)) }

// mean returns the number of further units if the month goes on as it began.
func (p *pace) mean(now int64) uint64 { return mulDiv(uint64(p.units), p.left(now), p.gone(now)) }

// low and high return the number of further units if every day is like the
// quietest, or the busiest, of the whole days so far.
func (p *pace) low(now int64) uint64  { return p.extreme(now, slices.Min[[]uint64]) }
func (p *pace) high(now int64) uint64 { return p.extreme(now, slices.Max[[]uint64]) }

func (p *pace) extreme(now int64, of func([]uint64) uint64) uint64 {
	candidates := []uint64{p.mean(now)}
	for day := range (min(now, p.end) - p.start) / int64(day24) {
		candidates = append(candidates, mulDiv(uint64(p.days[day]), p.left(now), uint64(day24)))
	}
	return of(candidates)
}

// mulDiv returns a*b/c, rounded. The result has to fit.
func mulDiv(a, b, c uint64) uint64 {
	high, low := bits.Mul64(a, b)
	low, carry := bits.Add64(low, c/2, 0)
	quotient, _ := bits.Div64(high+carry, low, c)
	return quotient
}

// extrapolate returns a copy of p with further units for each account. The
// function more returns their number.
func (p *projection) extrapolate(more func(*pace) uint64) (*projection, error) {
	end := *p
	end.meter = &meter{ledger: p.ledger, month: p.meter.month, used: maps.Clone(p.meter.used), volume: maps.Clone(p.meter.volume), gapOf: p.meter.gapOf}
	end.sums = tally{costs{}, maps.Clone(p.sums.totals)}
	for key, c := range p.sums.costs {
		copied := *c
		end.sums.costs[key] = &copied
	}
	for _, a := range p.ledger.accounts {
		pace := p.pace[a]
		if pace.units == 0 {
			continue
		}
		if err := end.addAccount(a, more(pace)); err != nil {
			return nil, err
		}
	}
	return &end, nil
}

// addAccount adds n further units of one account.
func (p *projection) addAccount(a *account, n uint64) error {
	rules := a.rulesAt(p.now)
	var flows []flow
	coming, tiered := map[flow]int{}, map[tierSpent]int{}
	tier := func(kind flow) tierSpent {
		if rules.Scope == ScopeNumber {
			return tierSpent{a, kind.channel}
		}
		return tierSpent{account: a}
	}
	for kind, count := range p.groups {
		if kind.account != a {
			continue
		}
		flows = append(flows, kind)
		coming[kind] = int(mulDiv(uint64(count), n, uint64(p.pace[a].units)))
		if kind.free == "" && rules.covers(kind.category) {
			tiered[tier(kind)] += coming[kind]
		}
	}
	slices.SortFunc(flows, flow.compare)
	for _, kind := range flows {
		units := coming[kind]
		free := Cost{Account: a.ID, Market: kind.market, Category: kind.category, Free: kind.free, Amount: Money{Currency: a.Rates.Currency()}}
		switch of := tier(kind); {
		case kind.free != "":
			if err := p.sums.add(free, units); err != nil {
				return err
			}
			continue
		case rules.covers(kind.category):
			left := max(0, rules.Free-a.usedBefore(p.meter.month, of.number)-p.meter.used[of])
			free.Free = rules.reason(kind.category)
			share := min(units, left)
			if tiered[of] > left { // the last flow gets the rest left by rounding
				share = min(share, int(mulDiv(uint64(units), uint64(left), uint64(tiered[of]))))
			}
			p.meter.used[of] += share
			tiered[of] -= units
			units -= share
			if share > 0 {
				if err := p.sums.add(free, share); err != nil {
					return err
				}
			}
		}
		if err := p.addCharged(kind, rules.era, units); err != nil {
			return err
		}
	}
	return nil
}

// addCharged adds units that pay, each at the price of its volume tier.
func (p *projection) addCharged(kind flow, in ratecard.Era, units int) error {
	a, day := kind.account, dayOf(kind.account.time(p.now))
	c := Cost{Account: a.ID, Market: kind.market, Category: kind.category, Amount: Money{Currency: a.Rates.Currency()}}
	price, ok := a.Rates.list.Find(kind.market, kind.category, in, day)
	if !ok {
		c.Missing = true
		return p.sums.add(c, units)
	}
	spent := volumeSpent{a.volume, priceKey{kind.market, kind.category}}
	for units > 0 {
		nth := a.volume.used[volumeKey{p.meter.month, spent.priceKey}] + p.meter.volume[spent] + 1
		n, micros := units, price.Micros
		for _, t := range price.Tiers {
			if t.From <= nth && (t.To == 0 || nth <= t.To) {
				micros = t.Micros
				if t.To > 0 {
					n = min(n, t.To-nth+1)
				}
			}
		}
		amount, err := Money{micros, a.Rates.Currency()}.times(n)
		if err != nil {
			return err
		}
		c.Amount = amount
		if err := p.sums.add(c, n); err != nil {
			return err
		}
		p.meter.volume[spent] += n
		units -= n
	}
	return nil
}

// missing lists the prices that no card has.
func (p *projection) missing() (all []Gap) {
	for _, c := range p.sums.costs.sorted() {
		if !c.Missing {
			continue
		}
		gap := Gap{Account: c.Account, Market: c.Market, Category: c.Category, Currency: c.Amount.Currency}
		day := dayOf(time.Unix(0, p.now).UTC()).String() // the price existed earlier, but not now
		if before := p.meter.gapOf[gap]; before != nil {
			day = before.Day
		}
		gap.Day, gap.Units = day, c.Units
		all = append(all, gap)
	}
	return all
}
