import NIOCore
import S3Model
import Testing

@testable import Storage

/// Listings against a model that looks at every key.
@Suite struct ListingTests {
    /// Keys over a small alphabet collide in prefixes and delimiters often; bytes above ASCII and zero are in it.
    private static let alphabet = ["a", "b", "/", "//", "é", "\u{1F600}", "\u{0}", "-"]

    private static func text(_ random: SeededRandom, upTo count: Int) -> String {
        (0..<random.below(count + 1)).map { _ in alphabet[random.below(alphabet.count)] }.joined()
    }

    private static func isBefore(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    /// The items of the page in order: keys and common prefixes.
    private static func model(_ keys: [String], _ query: ListQuery) -> (page: [[UInt8]], isTruncated: Bool) {
        var items: [[UInt8]] = []
        let prefix = Array(query.prefix.utf8)
        let delimiter = Array((query.delimiter ?? "").utf8)
        for key in keys.map({ Array($0.utf8) }) where key.starts(with: prefix) {
            var item = key
            if !delimiter.isEmpty, key.count >= prefix.count + delimiter.count {
                for start in prefix.count...(key.count - delimiter.count)
                where key[start...].starts(with: delimiter) {
                    item = Array(key[..<(start + delimiter.count)])
                    break
                }
            }
            if items.last != item { items.append(item) }
        }
        let after = Array(query.after.utf8)
        items = items.filter { after.isEmpty || after.lexicographicallyPrecedes($0) }
        guard query.limit > 0 else { return ([], false) }
        return (Array(items.prefix(query.limit)), items.count > query.limit)
    }

    @Test(arguments: Backend.allCases, [UInt64(1), 2, 3])
    func objectsAsInTheModel(backend: Backend, seed: UInt64) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let random = SeededRandom(seed)
            var keys: Set<[UInt8]> = []
            for _ in 0..<150 {
                let text = Self.text(random, upTo: 6)
                guard !text.isEmpty else { continue }
                try await region.store.put(text, ByteBuffer(string: "x"))
                if random.below(4) == 0 {
                    try await region.store.delete(text)
                    keys.remove(Array(text.utf8))
                } else {
                    keys.insert(Array(text.utf8))
                }
            }
            let sorted = keys.map { String(decoding: $0, as: UTF8.self) }.sorted(by: Self.isBefore)
            for _ in 0..<300 {
                let query = ListQuery(
                    prefix: random.below(2) == 0 ? "" : Self.text(random, upTo: 2),
                    delimiter: [nil, "/", "//", "a/", "é"][random.below(5)],
                    after: random.below(2) == 0 ? "" : Self.text(random, upTo: 4), limit: random.below(12))
                let expected = Self.model(sorted, query)
                let listing = try region.store.listObjects(query, bucket: Names.bucket)
                let found = (listing.objects.map(\.key.rawValue) + listing.commonPrefixes).sorted(by: Self.isBefore)
                #expect(found.map { Array($0.utf8) } == expected.page, "\(query)")
                #expect((listing.next != nil) == expected.isTruncated, "\(query)")
                if let next = listing.next { #expect(Array(next.utf8) == expected.page.last) }
            }
        }
    }

    @Test(arguments: Backend.allCases, [UInt64(4), 5])
    func pagesOfVersionsAddUpToTheWhole(backend: Backend, seed: UInt64) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let random = SeededRandom(seed)
            for _ in 0..<120 {
                let text = "k" + Self.text(random, upTo: 2)
                try await region.store.put(text, ByteBuffer(string: "x"))
                if random.below(5) == 0 { try await region.store.delete(text) }
            }
            for delimiter in [nil, "/", "a"] {
                let whole = try region.store.listVersions(
                    ListQuery(delimiter: delimiter, limit: 1000), versionMarker: nil, bucket: Names.bucket)
                #expect(whole.next == nil)
                #expect(
                    whole.versions.filter(\.isCurrent).map(\.key)
                        == whole.versions.map(\.key).reduce(into: []) { if $0.last != $1 { $0.append($1) } })
                for limit in [1, 2, 7] {
                    var versions: [ObjectVersion] = []
                    var prefixes: [String] = []
                    var query = ListQuery(delimiter: delimiter, limit: limit)
                    var marker: VersionID?
                    var pages = 0
                    while pages < 500 {
                        pages += 1
                        let page = try region.store.listVersions(query, versionMarker: marker, bucket: Names.bucket)
                        #expect(page.versions.count + page.commonPrefixes.count <= limit)
                        versions += page.versions
                        prefixes += page.commonPrefixes
                        guard let next = page.next else { break }
                        (query.after, marker) = next
                    }
                    #expect(versions == whole.versions)
                    #expect(prefixes.map { Array($0.utf8) } == whole.commonPrefixes.map { Array($0.utf8) })
                }
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func pagesOfUploads(backend: Backend) async throws {
        try await withRegion(backend) { region in
            var begun: [String] = []
            for text in ["a", "b/1", "b/1", "b/2", "c", "c", "c"] {
                let upload = try await region.store.createUpload(
                    key(text), bucket: Names.bucket, owner: Names.owner, metadata: ObjectMetadata(), tags: [],
                    checksumAlgorithm: nil, checksumType: nil)
                begun.append(upload.id)
            }
            var ids: [String] = []
            var query = ListQuery(limit: 2)
            var marker: String?
            for _ in 0..<10 {
                let page = try region.store.listUploads(query, uploadMarker: marker, bucket: Names.bucket)
                ids += page.uploads.map(\.id)
                guard let next = page.next else { break }
                (query.after, marker) = next
            }
            #expect(ids == begun, "in order of key, then of time")
            let rolled = try region.store.listUploads(
                ListQuery(delimiter: "/"), uploadMarker: nil, bucket: Names.bucket)
            #expect(rolled.commonPrefixes == ["b/"])
            #expect(rolled.uploads.count == 4)
        }
    }

    /// A store that counts what it shows: a common prefix costs one row, however many keys are below it.
    @Test func commonPrefixesAreSkipped() throws {
        var table = OrderedTable<ByteKey, Bool>()
        for index in 0..<10_000 { table[ByteKey(bytes: Array("p/\(index)".utf8))] = true }
        table[ByteKey(bytes: Array("q".utf8))] = true
        var walk = ListingWalk(ListQuery(delimiter: "/"))
        var shown = 0
        table.scan(from: ByteKey(bytes: walk.start())) { row, _ in
            shown += 1
            switch walk.visit(key(String(decoding: row.bytes, as: UTF8.self))) {
            case .item, .go(.next): return .next
            case .go(.stop): return .stop
            case .go(.seek(let bytes)): return .seek(ByteKey(bytes: bytes))
            }
        }
        #expect(shown == 2)
        #expect(walk.commonPrefixes == ["p/"])
    }

    @Test(
        arguments: [
            ([0x61], [0x62]), ([0x61, 0xFF], [0x62]), ([0xFF], nil), ([], nil),
        ] as [([UInt8], [UInt8]?)])
    func successors(prefix: [UInt8], expected: [UInt8]?) {
        #expect(ListingWalk.successor(of: prefix) == expected)
    }
}

/// A key of bytes for ``OrderedTable`` alone.
struct ByteKey: Comparable {
    var bytes: [UInt8]
    static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

@Suite struct OrderedTableTests {
    @Test(arguments: [UInt64(1), 2])
    func behavesLikeASortedDictionary(seed: UInt64) {
        let random = SeededRandom(seed)
        var table = OrderedTable<Int, Int>()
        var model: [Int: Int] = [:]
        for step in 0..<20_000 {
            let key = random.below(3000)
            if random.below(3) == 0 {
                table[key] = nil
                model[key] = nil
            } else {
                table[key] = step
                model[key] = step
            }
        }
        var rows: [[Int]] = []
        table.forEach { rows.append([$0, $1]) }
        #expect(rows == model.sorted { $0.key < $1.key }.map { [$0.key, $0.value] })
        for key in 0..<3000 {
            let next = model.keys.filter { $0 >= key }.min()
            #expect(table[key] == model[key])
            #expect(table.first(from: key)?.key == next)
        }
    }
}
