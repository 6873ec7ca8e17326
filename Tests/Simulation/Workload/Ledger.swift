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

    /// A read that was answered from another region.
    struct Serve {
        let region: RegionName
        let source: RegionName
        let version: ObjectVersion
        let moment: Int
    }

    /// A request to remove a version for good.
    struct Erasure {
        let region: RegionName
        let stamp: VersionStamp
        /// Whether the version was there when the request came.
        let wasHere: Bool
        /// When the client was told that it is done; `nil` when it never was, and then it may be done or not.
        var done: Int?
    }

    private struct State {
        var served: [Serve] = []
        var misses: [String] = []
        var erasures: [Erasure] = []
        var moment = 0

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
    /// Somebody asks, somewhere, to remove this version for good. Returns what to give to ``finishErasure(_:)``.
    func erase(_ stamp: VersionStamp, at region: RegionName, wasHere: Bool) -> Int {
        state.withLock { state in
            state.erased.insert(stamp)
            state.erasures.append(Erasure(region: region, stamp: stamp, wasHere: wasHere))
            return state.erasures.count - 1
        }
    }
    func finishErasure(_ index: Int) {
        state.withLock { state in
            state.moment += 1
            state.erasures[index].done = state.moment
        }
    }
    func serve(_ version: ObjectVersion, at region: RegionName, from source: RegionName) {
        state.withLock { state in
            state.moment += 1
            state.served.append(Serve(region: region, source: source, version: version, moment: state.moment))
        }
    }
    /// A read found nothing, at most a delete marker of stamp `below`. That is wrong when a running region has
    /// acknowledged a later object that nobody removed.
    func missed(_ key: ObjectKey, at region: RegionName, below: VersionStamp?, running nodes: [Node]) {
        let up = Set(nodes.filter { $0.store != nil }.map(\.region))
        state.withLock { state in
            let lost = state.acknowledged.first { write in
                write.version.key == key && write.version.object != nil && up.contains(write.region)
                    && !state.erased.contains(write.version.stamp) && write.version.stamp > below ?? .zero
            }
            if let lost { state.misses.append("\(region) misses \(key), which \(lost.region) has acknowledged") }
        }
    }
    var served: [Serve] { state.withLock { $0.served } }
    var misses: [String] { state.withLock { $0.misses } }
    var erasures: [Erasure] { state.withLock { $0.erasures } }
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
