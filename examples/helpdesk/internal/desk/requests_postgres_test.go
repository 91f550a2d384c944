package desk_test

import "testing"

// The tests of requests whose SQL the two databases could take differently.
func TestRequestsOnPostgres(t *testing.T) {
	elsewhere = postgres(t, database(t))
	defer func() { elsewhere = nil }()
	for name, test := range map[string]func(*testing.T){
		"filters": TestFiltersOfRequests, "counts": TestCountsOfBoxes, "pages": TestPagesOfRequests, "row": TestRowOfARequest,
		"thread": TestThreadHasTheChatAsFarAsItIsVisible, "older pages": TestOlderPagesOfAThread, "message": TestMessageWithAllThatOtherTablesHave,
		"quotes": TestQuotes, "group": TestNamesInAGroup, "history": TestMessageOfNoRequestBelongsToItsChat, "panel": TestPanelOfARequest,
		"secrets": TestSecretsOfAnotherDepartment, "acts of another department": TestActsOnWhatAnAgentDoesNotSee,
		"take": TestTakeARequest, "two take": TestTwoAgentsTakeOneRequest, "assign": TestAssignARequest, "move": TestMoveARequest, "state": TestStateOfARequest,
		"only one open": TestOnlyOneRequestOfAChatIsUnsolved, "merge": TestMergeRequestsAndUndo, "separate": TestSeparatedRequestStaysSolvedIfWorkHasGoneOn,
		"merge twice": TestRequestsMergedOneAfterTheOther, "seen": TestMergedRequestTakesWhatAgentsHaveSeen, "notes": TestNotes, "drafts": TestDrafts,
		"canned": TestCannedReplies, "rename": TestRenameAPerson, "people": TestMergePeopleByHand, "erase": TestEraseRows,
	} {
		t.Run(name, test)
	}
}
