import Crypto
import S3Model

/// The object that a CompleteMultipartUpload asks for, made from the stored parts after all of S3's checks. Pure.
struct MultipartAssembly: Sendable {
    let object: ObjectContent
    /// The numbers of the parts that are in it.
    let numbers: Set<Int>

    init(_ completion: MultipartCompletion, upload: MultipartUpload, stored: [UploadedPart]) throws {
        let parts = try Self.choose(completion, upload: upload, from: stored)
        let size = parts.reduce(0) { $0 + $1.size }
        if let expected = completion.expectedSize, expected != size {
            throw S3Error(
                .invalidRequest,
                "The provided 'x-amz-mp-object-size' header value \(expected) does not match what was computed: \(size)."
            )
        }
        guard let etag = Self.etag(parts.map(\.etag)) else {
            throw StorageError.corrupt(detail: "a part of upload \(upload.id) has an ETag that is no MD5")
        }
        var object = ObjectContent(
            size: size, etag: etag, metadata: upload.metadata, data: Self.join(parts.map(\.data)))
        object.tags = upload.tags
        object.parts = parts.enumerated().map { index, part in
            // Parts of an object are numbered from one without gaps, whatever numbers they were uploaded with.
            ObjectContent.Part(number: index + 1, size: part.size, checksum: part.checksum)
        }
        object.checksum = try Self.checksum(completion, upload: upload, of: parts)
        self.object = object
        numbers = Set(parts.map(\.number))
    }

    /// The stored parts in the order of the request.
    private static func choose(
        _ completion: MultipartCompletion, upload: MultipartUpload, from stored: [UploadedPart]
    ) throws -> [UploadedPart] {
        guard !completion.parts.isEmpty else {
            throw S3Error(.malformedXML, "You must specify at least one part")
        }
        for (left, right) in zip(completion.parts, completion.parts.dropFirst()) where left.number >= right.number {
            throw S3Error(.invalidPartOrder, fields: [S3Error.Field("UploadId", upload.id)])
        }
        let byNumber = Dictionary(stored.map { ($0.number, $0) }, uniquingKeysWith: { _, last in last })
        var chosen: [UploadedPart] = []
        chosen.reserveCapacity(completion.parts.count)
        for named in completion.parts {
            if let algorithm = named.checksum?.algorithm, let made = upload.checksumAlgorithm, algorithm != made {
                throw S3Error(
                    .badDigest,
                    "The \(algorithm.rawValue.lowercased()) you specified for part \(named.number) did not match what we "
                        + "received.")
            }
            guard let part = byNumber[named.number], part.etag == named.etag, matches(named.checksum, part.checksum)
            else {
                throw S3Error(
                    .invalidPart,
                    fields: [
                        S3Error.Field("UploadId", upload.id), S3Error.Field("PartNumber", "\(named.number)"),
                        S3Error.Field("ETag", named.etag.rawValue),
                    ])
            }
            if upload.checksumType == .composite, let algorithm = upload.checksumAlgorithm, named.checksum == nil {
                throw S3Error(
                    .invalidRequest,
                    "The upload was created using a \(algorithm.rawValue.lowercased()) checksum. The complete request "
                        + "must include the checksum for each part. It was missing for part \(named.number) in the "
                        + "request.")
            }
            chosen.append(part)
        }
        for part in chosen.dropLast() where part.size < RegionStore.minimumPartSize {
            throw S3Error(
                .entityTooSmall, "Your proposed upload is smaller than the minimum allowed size",
                fields: [
                    S3Error.Field("ProposedSize", "\(part.size)"),
                    S3Error.Field("MinSizeAllowed", "\(RegionStore.minimumPartSize)"),
                    S3Error.Field("PartNumber", "\(part.number)"), S3Error.Field("ETag", part.etag.rawValue),
                ])
        }
        return chosen
    }

    /// A checksum in the request is compared when the part was stored with one of the same algorithm.
    private static func matches(_ named: ObjectChecksum?, _ stored: ObjectChecksum?) -> Bool {
        guard let named else { return true }
        return named.algorithm == stored?.algorithm && named.value == stored?.value
    }

    /// The MD5 of the parts' MD5s and their number; `nil` when a tag is no MD5.
    static func etag(_ parts: [ETag]) -> ETag? {
        var all = Insecure.MD5()
        for part in parts {
            guard part.rawValue.utf8.count == 32, let bytes = Hex.decode(part.rawValue) else { return nil }
            all.update(data: bytes)
        }
        return ETag("\(Hex.encode(Array(all.finalize())))-\(parts.count)")
    }

    private static func join(_ data: [ObjectData]) -> ObjectData {
        let segments = data.flatMap { data in
            if case .blobs(let segments) = data { segments } else { [BlobSegment]() }
        }
        return segments.isEmpty ? .empty : .blobs(segments)
    }

    // MARK: Checksums

    /// The object's checksum, compared with what the client says it is.
    private static func checksum(
        _ completion: MultipartCompletion, upload: MultipartUpload, of parts: [UploadedPart]
    ) throws -> ObjectChecksum? {
        if let asked = completion.checksumType, let made = upload.checksumType, asked != made {
            throw S3Error(
                .invalidRequest,
                "The upload was created using the \(made.rawValue) checksum mode. The complete request must use the "
                    + "same checksum mode.")
        }
        let computed = try upload.checksumAlgorithm.flatMap { algorithm in
            try compute(algorithm, upload.checksumType ?? .composite, parts)
        }
        guard let claimed = completion.checksum else { return computed }
        guard let computed, computed.algorithm == claimed.algorithm else {
            let made = upload.checksumAlgorithm?.rawValue ?? "no"
            throw S3Error(
                .invalidRequest,
                "The upload was created with \(made) checksum algorithm, so its \(claimed.algorithm.rawValue) cannot "
                    + "be verified.")
        }
        // Clients send a composite value with or without the number of parts.
        guard claimed.value == computed.value || "\(claimed.value)-\(parts.count)" == computed.value else {
            throw S3Error(
                .badDigest,
                "The \(claimed.algorithm.rawValue) you specified did not match the calculated checksum.")
        }
        return computed
    }

    /// `nil` when a part was stored without its checksum, so that the object's is not known.
    private static func compute(_ algorithm: ChecksumAlgorithm, _ type: ChecksumType, _ parts: [UploadedPart]) throws
        -> ObjectChecksum?
    {
        var values: [[UInt8]] = []
        for part in parts {
            guard let checksum = part.checksum, checksum.algorithm == algorithm else { return nil }
            guard let bytes = Base64.decode(checksum.value), bytes.count == algorithm.byteCount else {
                throw StorageError.corrupt(
                    detail: "part \(part.number) has \(algorithm.rawValue) \"\(checksum.value)\"")
            }
            values.append(bytes)
        }
        switch type {
        case .composite:
            return ObjectChecksum(
                algorithm: algorithm, type: .composite, value: Checksums.composite(algorithm, parts: values))
        case .fullObject:
            guard algorithm.combines, var whole = values.first else { return nil }
            for (part, value) in zip(parts, values).dropFirst() {
                whole = Checksums.combine(algorithm, whole, value, bLength: part.size)
            }
            return ObjectChecksum(algorithm: algorithm, type: .fullObject, value: Base64.encode(whole))
        }
    }
}
