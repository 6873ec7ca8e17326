import Cluster
import S3Model

// What the control store holds of jobs. Every value is a version byte and JSON (`ControlValue`).
//
//   batch/job/ACCOUNT/ID       BatchJob
//   batch/open/ID              the job's account and region, while it has not ended
//   batch/window/ID            BatchWindow: its tasks under way
//   batch/outcomes/ID/NUMBER   BatchOutcomes that are in no file of the report yet
//   batch/token/ACCOUNT/HEX    the job of a client request token
enum BatchKeys {
    static let open = "batch/open/"

    static func jobs(_ account: AccountID) -> String { "batch/job/\(account)/" }
    static func job(_ id: String, _ account: AccountID) -> String { jobs(account) + id }
    static func open(_ id: String) -> String { open + id }
    static func window(_ id: String) -> String { "batch/window/\(id)" }
    static func outcomes(_ id: String) -> String { "batch/outcomes/\(id)/" }
    static func outcomes(_ id: String, _ number: Int) -> String {
        let digits = String(number)
        return outcomes(id) + String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits
    }
    /// Tokens may hold any character, so their bytes are written in hexadecimal.
    static func token(_ token: String, _ account: AccountID) -> String {
        "batch/token/\(account)/" + token.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

struct OpenBatchJob: Codable {
    static let version: UInt8 = 1
    var account: AccountID
    var region: RegionName
}

struct BatchToken: Codable {
    static let version: UInt8 = 1
    var job: String
}

/// A job as it was read, to be written back only if nobody has changed it meanwhile.
struct StoredBatchJob: Sendable {
    var job: BatchJob
    let revision: Int64

    init(_ record: ControlRecord) throws {
        job = try ControlValue.decode(BatchJob.self, from: record.value, version: BatchJob.version)
        revision = record.revision
    }

    private var key: String { BatchKeys.job(job.id, job.account) }

    /// Writes the job, and with it what `also` says, unless it was changed since it was read.
    func transaction(_ also: [ControlTransaction.Write] = []) throws -> ControlTransaction {
        var transaction = ControlTransaction()
        transaction.expectations = [.unchanged(key: key, revision: revision)]
        transaction.writes = [.put(key: key, value: try ControlValue.encode(job, version: BatchJob.version))] + also
        return transaction
    }
}

extension ControlStore {
    /// `false` when an expectation did not hold, and nothing was written.
    func commitIfUnchanged(_ transaction: ControlTransaction) async throws -> Bool {
        do {
            _ = try await commit(transaction)
            return true
        } catch ControlStoreError.conflict {
            return false
        }
    }
}
