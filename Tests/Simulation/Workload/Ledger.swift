import NIOCore
import S3Model
import Storage
import Synchronization

/// What clients were told, and what they asked for: the reference of the checkers.
final class Ledger: Sendable {
    struct Acknowledged {
        let region: RegionName
        let version: ObjectVersion
    }

    private struct State {
        var bodies: [String: ByteBuffer] = [:]
        var acknowledged: [Acknowledged] = []
        var erased: Set<VersionStamp> = []
        var operations = 0
        var tagChanges = 0
    }

    private let state = Mutex(State())

    /// Announces a body before it is sent; the returned name travels in the object's metadata.
    func announce(_ make: (Int) -> ByteBuffer) -> (name: String, body: ByteBuffer) {
        state.withLock { state in
            state.operations += 1
            let body = make(state.operations)
            state.bodies["\(state.operations)"] = body
            return ("\(state.operations)", body)
        }
    }

    func body(named name: String) -> ByteBuffer? { state.withLock { $0.bodies[name] } }

    func acknowledge(_ version: ObjectVersion, by region: RegionName) {
        state.withLock { $0.acknowledged.append(Acknowledged(region: region, version: version)) }
    }
    /// Somebody asked, somewhere, to remove this version for good; whether it happened does not matter.
    func erase(_ stamp: VersionStamp) { state.withLock { _ = $0.erased.insert(stamp) } }
    func countTagChange() { state.withLock { $0.tagChanges += 1 } }

    var acknowledged: [Acknowledged] { state.withLock { $0.acknowledged } }
    var erased: Set<VersionStamp> { state.withLock { $0.erased } }
    var tagChanges: Int { state.withLock { $0.tagChanges } }

    /// Any version a client was told of.
    func anyVersion(_ choice: UInt64) -> Acknowledged? {
        state.withLock { state in
            state.acknowledged.isEmpty ? nil : state.acknowledged[Int(choice % UInt64(state.acknowledged.count))]
        }
    }
}
