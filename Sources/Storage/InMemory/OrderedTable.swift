/// A map in key order whose copies are cheap: a transaction works on a copy, and what it does not touch stays shared.
///
/// Rows are kept in runs of at most ``runLimit``, so a change copies one run and the list of runs, not the table.
struct OrderedTable<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    private typealias Row = (key: Key, value: Value)
    private static var runLimit: Int { 128 }

    /// No run is empty.
    private var runs: [[Row]] = []

    var isEmpty: Bool { runs.isEmpty }

    subscript(key: Key) -> Value? {
        get {
            guard let place = place(of: key), place.found else { return nil }
            return runs[place.run][place.index].value
        }
        set {
            if let newValue { insert(newValue, at: key) } else { remove(key) }
        }
    }

    /// Visits rows from the first key not below `start` in order. The visitor returns the key to go on at, or `.next`.
    func scan(from start: Key, _ visit: (Key, Value) throws -> Step) rethrows {
        guard var place = place(of: start) else { return }
        while place.run < runs.count {
            guard place.index < runs[place.run].count else {
                place = (place.run + 1, 0, false)
                continue
            }
            let row = runs[place.run][place.index]
            switch try visit(row.key, row.value) {
            case .next: place.index += 1
            case .stop: return
            case .seek(let key):
                // A target that is not ahead would never end; then it is the same as the next row.
                guard row.key < key else {
                    place.index += 1
                    continue
                }
                guard let ahead = self.place(of: key) else { return }
                place = ahead
            }
        }
    }

    enum Step {
        case next
        case stop
        case seek(Key)
    }

    /// The first row whose key is not below `start`.
    func first(from start: Key) -> (key: Key, value: Value)? {
        var found: Row?
        scan(from: start) { key, value in
            found = (key, value)
            return .stop
        }
        return found
    }

    /// All rows, for tests and small tables.
    func forEach(_ visit: (Key, Value) throws -> Void) rethrows {
        for run in runs { for row in run { try visit(row.key, row.value) } }
    }

    /// Where `key` is or would be; `nil` when the table is empty. The index may be one past the end of its run.
    private func place(of key: Key) -> (run: Int, index: Int, found: Bool)? {
        guard !runs.isEmpty else { return nil }
        // The last run whose first key is not above `key`.
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if key < runs[middle][0].key { high = middle } else { low = middle + 1 }
        }
        let run = max(0, low - 1)
        var first = 0
        var last = runs[run].count
        while first < last {
            let middle = (first + last) / 2
            if runs[run][middle].key < key { first = middle + 1 } else { last = middle }
        }
        return (run, first, first < runs[run].count && !(key < runs[run][first].key))
    }

    private mutating func insert(_ value: Value, at key: Key) {
        guard let place = place(of: key) else {
            runs.append([(key, value)])
            return
        }
        if place.found {
            runs[place.run][place.index].value = value
            return
        }
        runs[place.run].insert((key, value), at: place.index)
        guard runs[place.run].count > Self.runLimit else { return }
        let half = runs[place.run].count / 2
        let upper = Array(runs[place.run][half...])
        runs[place.run].removeSubrange(half...)
        runs.insert(upper, at: place.run + 1)
    }

    private mutating func remove(_ key: Key) {
        guard let place = place(of: key), place.found else { return }
        runs[place.run].remove(at: place.index)
        if runs[place.run].isEmpty { runs.remove(at: place.run) }
    }
}
