import NIOCore
import NIOHTTP1
package import S3Model
import Storage

/// Answers → HTTP. The one place that knows header names of responses.
package enum ResponseEncoder {
    package static func encode(_ response: S3Response, for trace: RequestTrace) -> HTTPResponse {
        var headers = common(trace)
        for fact in response.facts { append(fact, to: &headers) }
        let isHead = trace.method == "HEAD"
        switch response.payload {
        case .none:
            return HTTPResponse(status: response.status, headers: headers)
        case .document(let bytes):
            headers.add(name: "Content-Type", value: "application/xml")
            return HTTPResponse(status: response.status, headers: headers, body: body(bytes, isHead: isHead))
        case .json(let bytes):
            headers.add(name: "Content-Type", value: "application/json")
            return HTTPResponse(status: response.status, headers: headers, body: body(bytes, isHead: isHead))
        case .object(let answer):
            append(answer, to: &headers)
            let length = Int64(answer.range.count)
            let body: ResponseBody =
                switch answer.bytes {
                case .none: .headOnly(length: length)
                case .buffer(let buffer): .buffer(buffer)
                case .source(let source): .stream(source, length: length)
                }
            return HTTPResponse(status: answer.isPartial ? 206 : 200, headers: headers, body: body)
        }
    }

    package static func encode(error: S3Error, isControl: Bool, for trace: RequestTrace) -> HTTPResponse {
        var headers = common(trace)
        for header in error.headers where header.name.lowercased() != "x-amz-bucket-region" || trace.region == nil {
            headers.add(name: header.name, value: header.value)
        }
        // 304 has no body by definition; to HEAD nothing but the status says what went wrong.
        guard error.code != .notModified else { return HTTPResponse(status: 304, headers: headers) }
        headers.add(name: "Content-Type", value: "application/xml")
        let document = ErrorDocument(
            error, resource: trace.path.isEmpty ? nil : trace.path, requestID: trace.id.description,
            hostID: trace.id.hostID)
        let xml =
            isControl
            ? document.controlXML() : document.xml()
        return HTTPResponse(
            status: error.code.status, headers: headers, body: body(xml, isHead: trace.method == "HEAD"))
    }

    private static func common(_ trace: RequestTrace) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.reserveCapacity(16)
        headers.add(name: "x-amz-id-2", value: trace.id.hostID)
        headers.add(name: "x-amz-request-id", value: trace.id.description)
        headers.add(name: "Server", value: "Meridian")
        if let region = trace.region { headers.add(name: "x-amz-bucket-region", value: region.rawValue) }
        if let reason = trace.reason { headers.add(name: "x-meridian-route", value: reason) }
        return headers
    }

    private static func body(_ bytes: [UInt8], isHead: Bool) -> ResponseBody {
        isHead ? .headOnly(length: Int64(bytes.count)) : .buffer(ByteBuffer(bytes: bytes))
    }

    private static func append(_ fact: S3Response.Fact, to headers: inout HTTPHeaders) {
        switch fact {
        case .versionID(let version): headers.add(name: "x-amz-version-id", value: version.description)
        case .deleteMarker: headers.add(name: "x-amz-delete-marker", value: "true")
        case .etag(let etag): headers.add(name: "ETag", value: etag.quoted)
        case .checksum(let checksum): append(checksum, to: &headers)
        case .checksumAlgorithm(let algorithm, let type):
            headers.add(name: "x-amz-checksum-algorithm", value: algorithm.rawValue)
            if let type { headers.add(name: "x-amz-checksum-type", value: type.rawValue) }
        case .copySourceVersion(let version):
            headers.add(name: "x-amz-copy-source-version-id", value: version.description)
        case .lastModified(let time): headers.add(name: "Last-Modified", value: time.httpDate)
        case .location(let location): headers.add(name: "Location", value: location)
        case .bucketRegion(let region):
            headers.replaceOrAdd(name: "x-amz-bucket-region", value: region.rawValue)
        case .servedBy(let region): headers.add(name: "x-meridian-served-by", value: region.rawValue)
        case .accessPointAlias(let value):
            headers.add(name: "x-amz-access-point-alias", value: value ? "true" : "false")
        }
    }

    private static func append(_ checksum: ObjectChecksum, to headers: inout HTTPHeaders) {
        headers.add(name: checksum.algorithm.headerName, value: checksum.value)
        headers.add(name: "x-amz-checksum-type", value: checksum.type.rawValue)
    }
}

// MARK: Objects

extension ResponseEncoder {
    private static func append(_ answer: ObjectAnswer, to headers: inout HTTPHeaders) {
        let version = answer.version
        let content = answer.content
        headers.add(name: "Last-Modified", value: version.modified.httpDate)
        headers.add(name: "ETag", value: content.etag.quoted)
        headers.add(name: "Accept-Ranges", value: "bytes")
        if answer.isPartial {
            headers.add(
                name: "Content-Range",
                value: "bytes \(answer.range.lowerBound)-\(answer.range.upperBound - 1)/\(content.size)")
        }
        append(content.metadata, overrides: answer.overrides, to: &headers)
        if let status = version.replication.headerValue {
            headers.add(name: "x-amz-replication-status", value: status)
        }
        if !content.tags.isEmpty { headers.add(name: "x-amz-tagging-count", value: "\(content.tags.count)") }
        if let count = answer.partsCount { headers.add(name: "x-amz-mp-parts-count", value: "\(count)") }
        if let checksum = answer.checksum { append(checksum, to: &headers) }
    }

    private static func append(
        _ metadata: ObjectMetadata, overrides: [(name: String, value: String)], to headers: inout HTTPHeaders
    ) {
        let kept: [(String, String?)] = [
            ("Content-Type", metadata.contentType ?? "binary/octet-stream"), ("Cache-Control", metadata.cacheControl),
            ("Content-Disposition", metadata.contentDisposition), ("Content-Encoding", metadata.contentEncoding),
            ("Content-Language", metadata.contentLanguage), ("Expires", metadata.expires),
        ]
        for (name, value) in kept {
            let override = overrides.isEmpty ? nil : overrides.first { $0.name == name }?.value
            if let value = override ?? value { headers.add(name: name, value: value) }
        }
        if let location = metadata.websiteRedirectLocation {
            headers.add(name: "x-amz-website-redirect-location", value: location)
        }
        if let storageClass = metadata.storageClass, storageClass != "STANDARD" {
            headers.add(name: "x-amz-storage-class", value: storageClass)
        }
        for item in metadata.user { headers.add(name: "x-amz-meta-\(item.name)", value: item.value) }
    }
}
