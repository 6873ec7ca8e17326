import NIOHTTP1
import S3Model
import Storage

extension ObjectOperations {
    func getObjectAttributes(_ target: BucketRequest) async throws -> S3Response {
        let source = try await router.metadataSource(target)
        let (version, content) = (source.version, source.content)
        let wanted = try Self.wantedAttributes(target)
        var answer = GetObjectAttributesResponse()
        if wanted.contains("ETag") { answer.etag = content.etag }
        if wanted.contains("Checksum") { answer.checksum = content.checksum }
        if wanted.contains("StorageClass") { answer.storageClass = content.metadata.storageClass ?? "STANDARD" }
        if wanted.contains("ObjectSize") { answer.size = content.size }
        if wanted.contains("ObjectParts"), !content.parts.isEmpty {
            answer.parts = try Self.parts(target, content)
        }
        var facts: [S3Response.Fact] = [.lastModified(version.modified)]
        if target.bucket.versioning != .unversioned { facts.append(.versionID(version.versionID)) }
        return .document(answer.xml(), facts + source.facts)
    }

    private static func parts(
        _ target: BucketRequest, _ content: ObjectContent
    ) throws(S3Error) -> GetObjectAttributesResponse.Parts {
        let maximum = try target.number("x-amz-max-parts", in: 0...1000) ?? 1000
        let marker = try target.number("x-amz-part-number-marker", in: 0...Int.max) ?? 0
        let after = content.parts.drop { $0.number <= marker }
        let page = after.prefix(maximum)
        let hasChecksums = content.checksum?.type == .composite
        return .init(
            totalCount: content.parts.count, partNumberMarker: marker, nextPartNumberMarker: page.last?.number ?? 0,
            maxParts: maximum,
            isTruncated: page.count < after.count,
            parts: hasChecksums
                ? page.map { .init(number: $0.number, size: $0.size, checksum: $0.checksum) } : [])
    }

    private static func wantedAttributes(_ target: BucketRequest) throws(S3Error) -> Set<String> {
        let known: Set<String> = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
        let names = target.request.headers[canonicalForm: "x-amz-object-attributes"].flatMap {
            $0.split(separator: ",")
        }
        .map { String($0.filter { $0 != " " }) }
        guard !names.isEmpty else {
            throw S3Error(.invalidArgument, "The x-amz-object-attributes header is required.")
        }
        for name in names where !known.contains(name) {
            throw .invalidArgument("Invalid attribute name specified.", name: "x-amz-object-attributes", value: name)
        }
        return Set(names)
    }
}

extension BucketRequest {
    /// A header with a whole number.
    func number(_ name: String, in range: ClosedRange<Int>) throws(S3Error) -> Int? {
        guard let text = header(name) else { return nil }
        guard let value = Int(text), value >= range.lowerBound else {
            throw .invalidArgument("Expected a whole number, at least \(range.lowerBound).", name: name, value: text)
        }
        return min(value, range.upperBound)
    }

    /// A query parameter with a whole number; values above the range are lowered to its end, as S3 does.
    func parameter(_ name: String, in range: ClosedRange<Int>) throws(S3Error) -> Int? {
        guard let text = query[name], !text.isEmpty else { return nil }
        guard let value = Int(text), value >= range.lowerBound else {
            throw .invalidArgument("Provided \(name) not an integer or within integer range", name: name, value: text)
        }
        return min(value, range.upperBound)
    }
}
