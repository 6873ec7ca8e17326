import Testing

@testable import Console
@testable import meridian

@Suite struct VerifyCommandTests {
    private func finding(_ verdict: String, isDifference: Bool) -> VerifyReport.Finding {
        VerifyReport.Finding(
            verdict: verdict, key: "a\u{1B}[2J\nb", versionID: "v", isDeleteMarker: true, bucket: "there",
            source: "here",
            isPromised: isDifference, rule: isDifference ? "r" : nil, reason: nil, isRepaired: isDifference,
            isDifference: isDifference)
    }

    @Test func differencesAndTheRestAreCountedApart() {
        var summary = VerifySummary()
        summary.add(finding("only-there", isDifference: false))
        #expect(!summary.differs(false) && summary.differs(true))
        #expect(VerifyScreen.text(summary, repair: false).contains("Nothing that the rules promise is missing"))
        summary.add(finding("erased", isDifference: false))
        #expect(!summary.differs(false))
        summary.add(finding("missing", isDifference: true))
        #expect(summary.differs(false))
        #expect(summary.repaired == 1)
        #expect(VerifyScreen.text(summary, repair: true).contains("DIFFERENT: 1 erased, 1 missing, 1 only-there."))
    }

    @Test func aKeyCannotSteerTheTerminal() {
        let line = VerifyScreen.line(finding("missing", isDifference: true))
        #expect(!line.unicodeScalars.contains { $0.value < 32 })
        #expect(line.contains("delete marker") && line.contains("rule 'r'") && line.contains("[sent again]"))
        #expect(VerifyScreen.line(finding("only-there", isDifference: false)).contains("promised by no rule"))
        #expect(!VerifyScreen.line(finding("erased", isDifference: false)).contains("promised by no rule"))
    }
}
