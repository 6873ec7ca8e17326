import Policy
import S3Model
import Testing

@Suite struct DecisionTests {
    let account: AccountID
    let other: AccountID

    init() throws {
        account = try #require(AccountID("123456789012"))
        other = try #require(AccountID("210987654321"))
    }

    func principal(_ account: AccountID, user: String? = nil) -> Principal {
        .identity(
            Identity(owner: Owner(account: account, canonicalID: "id-\(account)", displayName: "name"), userName: user))
    }

    func decide(_ principal: Principal, owner: AccountID?) -> Decision {
        AccessRequest(
            principal: principal, action: "s3:GetObject", resource: "arn:aws:s3:::photos/cat.jpg", resourceOwner: owner
        ).decide()
    }

    @Test func anonymousIsNeverAllowed() {
        #expect(!decide(.anonymous, owner: account).isAllowed)
        #expect(!decide(.anonymous, owner: nil).isAllowed)
    }

    @Test(arguments: [String?.none, "alice"]) func ownAccountIsAllowed(user: String?) {
        #expect(decide(principal(account, user: user), owner: account).isAllowed)
        #expect(decide(principal(account, user: user), owner: nil).isAllowed)
    }

    @Test func anotherAccountIsDeniedAndTheReasonNamesBoth() {
        let decision = decide(principal(other, user: "mallory"), owner: account)
        #expect(!decision.isAllowed)
        #expect(decision.reason.contains("123456789012"))
        #expect(decision.reason.contains("user/mallory"))
    }
}
