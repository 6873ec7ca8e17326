import Crypto
import S3Model

/// The canonical request of SigV4 and SigV4A in the flavour of S3 (spec/clients.md §4.2): the path is encoded once and
/// not normalised, the query is sorted, header values are trimmed and their runs of spaces are one space.
struct CanonicalRequest {
    enum PathForm: CaseIterable {
        /// Decoded and encoded again, what SDKs sign. An escaped slash stays escaped, because it is no separator.
        case encoded
        /// As received: some clients sign what they send (object_store leaves `:` as it is).
        case raw
    }

    /// Everything behind the path.
    private let tail: [UInt8]
    private let parts: RequestParts

    /// - Parameters:
    ///   - signedHeaders: the names, separated by `;`, in the order of the signature.
    ///   - ignoredQueryName: left out of the canonical query (`X-Amz-Signature`).
    /// Throws when a header is signed but missing, or present but not signed although it must be.
    init(
        _ parts: RequestParts, signedHeaders: ArraySlice<UInt8>, payloadHash: some Sequence<UInt8>,
        ignoredQueryName: String?
    ) throws(S3Error) {
        self.parts = parts
        var tail: [UInt8] = []
        tail.reserveCapacity(1024)
        Self.appendQuery(of: parts, without: ignoredQueryName, to: &tail)
        tail.append(UInt8(ascii: "\n"))
        try Self.appendHeaders(of: parts, signedHeaders: signedHeaders, to: &tail)
        tail.append(UInt8(ascii: "\n"))
        tail.appendLine(signedHeaders)
        tail.append(contentsOf: payloadHash)
        self.tail = tail
    }

    /// Whether both forms of the path are the same, so that one try is enough.
    var isRawPathEncoded: Bool {
        parts[parts.path].allSatisfy { $0.isUnreserved || $0 == UInt8(ascii: "/") } && !parts.path.isEmpty
    }

    func bytes(path form: PathForm) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(tail.count + parts.path.count + 32)
        out.appendLine(parts.method)
        let path = parts[parts.path]
        switch form {
        case .encoded: Self.appendPath(path, to: &out)
        case .raw: out.append(contentsOf: path)
        }
        out.append(UInt8(ascii: "\n"))
        out.append(contentsOf: tail)
        return out
    }

    static func appendPath(_ path: ArraySlice<UInt8>, to out: inout [UInt8]) {
        if path.isEmpty { out.append(UInt8(ascii: "/")) }
        if path.allSatisfy({ $0.isUnreserved || $0 == UInt8(ascii: "/") }) { return out.append(contentsOf: path) }
        var index = path.startIndex
        while index < path.endIndex {
            let byte = path[index]
            if byte == UInt8(ascii: "%"), index + 2 < path.endIndex, let high = path[index + 1].hexValue,
                let low = path[index + 2].hexValue
            {
                out.appendURIEncoded(high << 4 | low)
                index += 3
                continue
            }
            if byte == UInt8(ascii: "/") { out.append(byte) } else { out.appendURIEncoded(byte) }
            index += 1
        }
    }

    private static func appendQuery(of parts: RequestParts, without ignored: String?, to out: inout [UInt8]) {
        guard !parts.query.isEmpty else { return }
        var encoded: [UInt8] = []
        encoded.reserveCapacity(parts.bytes.count)
        var items: [(name: Range<Int>, value: Range<Int>)] = []
        items.reserveCapacity(parts.query.count)
        for item in parts.query {
            if let ignored, parts.isName(item.name, ignored) { continue }
            let start = encoded.count
            encoded.appendURIEncoded(parts[item.name])
            let middle = encoded.count
            encoded.appendURIEncoded(parts[item.value])
            items.append((start..<middle, middle..<encoded.count))
        }
        encoded.withUnsafeBytes { encoded in
            func order(_ one: Range<Int>, _ other: Range<Int>) -> Int {
                let left = UnsafeRawBufferPointer(rebasing: encoded[one])
                let right = UnsafeRawBufferPointer(rebasing: encoded[other])
                for (one, other) in zip(left, right) where one != other { return one < other ? -1 : 1 }
                return left.count - right.count
            }
            items.sort { one, other in
                let names = order(one.name, other.name)
                return names != 0 ? names < 0 : order(one.value, other.value) < 0
            }
        }
        for (index, item) in items.enumerated() {
            if index > 0 { out.append(UInt8(ascii: "&")) }
            out.append(contentsOf: encoded[item.name])
            out.append(UInt8(ascii: "="))
            out.append(contentsOf: encoded[item.value])
        }
    }

    private static func appendHeaders(
        of parts: RequestParts, signedHeaders: ArraySlice<UInt8>, to out: inout [UInt8]
    ) throws(S3Error) {
        var isSigned = [Bool](repeating: false, count: parts.headers.count)
        var hasHost = false
        var names = signedHeaders
        while !names.isEmpty {
            let end = names.firstIndex(of: UInt8(ascii: ";")) ?? names.endIndex
            let name = names[names.startIndex..<end]
            names = names[min(end + 1, names.endIndex)...]
            if name.equals("host") { hasHost = true }
            var isFound = false
            for (index, header) in parts.headers.enumerated()
            where header.name.count == name.count && parts[header.name].elementsEqual(name) {
                guard !isSigned[index] else { throw SignatureFault.headerSignedTwice(name.text) }
                isSigned[index] = true
                if isFound {
                    out.append(UInt8(ascii: ","))
                } else {
                    out.append(contentsOf: name)
                    out.append(UInt8(ascii: ":"))
                }
                isFound = true
                appendCollapsed(parts[header.value], to: &out)
            }
            guard isFound else { throw SignatureFault.signedHeaderMissing(name.text) }
            out.append(UInt8(ascii: "\n"))
        }
        guard hasHost else { throw SignatureFault.headersNotSigned(["host"]) }
        var unsigned: [String] = []
        for (index, header) in parts.headers.enumerated()
        where !isSigned[index] && parts.hasPrefix(header.name, "x-amz-") {
            unsigned.append(parts[header.name].text)
        }
        if !unsigned.isEmpty { throw SignatureFault.headersNotSigned(unsigned) }
    }

    private static func appendCollapsed(_ value: ArraySlice<UInt8>, to out: inout [UInt8]) {
        var wasSpace = false
        for byte in value {
            let isSpace = byte == UInt8(ascii: " ")
            if !(isSpace && wasSpace) { out.append(byte) }
            wasSpace = isSpace
        }
    }
}

/// The string to sign of a request (spec/mrap.md §11.3); for SigV4 the scope has a region.
func stringToSign(
    algorithm: SignatureAlgorithm, timestamp: some Sequence<UInt8>, scope: some Sequence<UInt8>,
    canonicalRequest: [UInt8]
) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(192)
    out.appendLine(algorithm.name)
    out.appendLine(timestamp)
    out.appendLine(scope)
    out.appendHex(SHA256.hash(data: canonicalRequest))
    return out
}
