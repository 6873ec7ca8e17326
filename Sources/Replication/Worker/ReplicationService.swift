package import Cluster
package import Environment
package import S3Model
package import Storage
import Synchronization

/// Drains one region's outbox: a worker per destination region, woken by the store's signal the moment a version is
/// committed (DESIGN §4, PUT and its replica).
package final class ReplicationService: Sendable {
    private let store: RegionStore
    private let sender: ReplicaSender
    private let limits: LinkLimits
    private let random: any RandomSource
    private let hooks: ReplicationHooks
    private let throttles: [RegionName: LinkThrottle]
    private let workers = Mutex<[RegionName?: OutboxWorker]>([:])

    /// - Parameters:
    ///   - links: a link to every region, this one included when buckets of one region replicate to each other.
    ///   - locate: where a bucket lives now, from memory; `nil` when no region has it.
    package init(
        region: RegionStore, links: [RegionName: any PeerLink],
        locate: @escaping @Sendable (BucketName) -> BucketLocation?, time: any TimeSource, random: any RandomSource,
        limits: LinkLimits = LinkLimits(), hooks: ReplicationHooks = ReplicationHooks()
    ) {
        store = region
        throttles = links.mapValues { _ in LinkThrottle(time: time) }
        sender = ReplicaSender(
            store: region, links: links, locate: locate, time: time, throttles: throttles,
            smallBytes: limits.smallBytes, counters: hooks.counters)
        self.limits = limits
        self.random = random
        self.hooks = hooks
    }

    package var region: RegionName { store.region }
    package var counters: ReplicationCounters { hooks.counters }

    /// Bytes per second to each region that has a limit.
    package var bandwidthLimits: [RegionName: Int64] { throttles.compactMapValues(\.limit) }

    /// Bytes per second that go to a region now, those of versions that are still on their way included.
    package func flow(to region: RegionName) -> Double {
        throttles[region]?.flow(at: sender.time.monotonicNanoseconds() / 1_000_000).bytesPerSecond ?? 0
    }

    /// Sets the limit of every link at once, in bytes per second; regions that are not named have none. Counts at once, for
    /// what is on its way too.
    package func limitBandwidth(_ limits: [RegionName: Int64]) {
        for (region, throttle) in throttles { throttle.limit = limits[region] }
    }

    /// The links that have had work since the start, by region.
    package func conditions() -> [RegionName?: LinkCondition] {
        workers.withLock { $0.mapValues { $0.condition } }
    }

    /// Runs until the task is cancelled or the store is closed. It is the one waiter on the store's `outboxSignal`.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.watchThresholds() }
            // A destination stays with its worker while it has entries, even if the bucket moves: only one worker at a
            // time may drain it, and the sender looks up the region for every entry anyway.
            var assigned: [BucketName: RegionName?] = [:]
            while !Task.isCancelled {
                do {
                    dispatch(try store.outboxDestinations(), assigned: &assigned) { worker in
                        group.addTask { await worker.run() }
                    }
                    await store.outboxSignal.wait()
                } catch StorageError.closed {
                    break
                } catch {
                    hooks.notice(.storeTrouble(reason: "reading the outbox: \(error)"))
                    // Cancelled means stopping, which the loop sees.
                    try? await sender.time.sleep(milliseconds: Int64(limits.storeRetry))
                }
            }
            group.cancelAll()
        }
        workers.withLock { $0.removeAll() }
    }

    private func watchThresholds() async {
        var watch = ThresholdWatch()
        while !Task.isCancelled {
            do {
                try await sender.time.sleep(milliseconds: ThresholdWatch.interval)
                let now = Timestamp(milliseconds: sender.time.wallMilliseconds())
                for (rule, entries) in try watch.look(at: store, now: now) {
                    hooks.counters.update(rule) { $0.missedThreshold += Int64(entries.count) }
                    for entry in entries { hooks.notice(.missedThreshold(entry)) }
                }
            } catch StorageError.closed {
                return
            } catch is CancellationError {
                return
            } catch {
                hooks.notice(.storeTrouble(reason: "looking for late versions: \(error)"))
            }
        }
    }

    private func dispatch(
        _ destinations: [BucketName], assigned: inout [BucketName: RegionName?], start: (OutboxWorker) -> Void
    ) {
        let waiting = Set(destinations)
        assigned = assigned.filter { waiting.contains($0.key) }
        var work: [RegionName?: [BucketName]] = [:]
        for destination in destinations {
            let peer = assigned[destination] ?? sender.locate(destination)?.region
            assigned[destination] = .some(peer)
            work[peer, default: []].append(destination)
        }
        for (peer, destinations) in work.sorted(by: { Self.precedes($0.key, $1.key) }) {
            worker(for: peer, start: start).wake(destinations)
        }
    }

    /// In a fixed order, so that a run can be repeated exactly.
    private static func precedes(_ left: RegionName?, _ right: RegionName?) -> Bool {
        guard let right else { return false }
        guard let left else { return true }
        return left < right
    }

    private func worker(for peer: RegionName?, start: (OutboxWorker) -> Void) -> OutboxWorker {
        if let worker = workers.withLock({ $0[peer] }) { return worker }
        let worker = OutboxWorker(peer: peer, sender: sender, limits: limits, random: random, hooks: hooks)
        workers.withLock { $0[peer] = worker }
        start(worker)
        return worker
    }
}
