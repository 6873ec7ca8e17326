/// One byte range of a `Range` header. S3 serves a single range; anything else is ignored and the whole object is sent.
package struct ByteRange: Hashable, Sendable {
    private enum Extent: Hashable, Sendable {
        /// Both ends count.
        case closed(Int64, Int64)
        case from(Int64)
        /// The last so many bytes.
        case suffix(Int64)
    }

    private let extent: Extent
    /// As received.
    package let text: String

    /// `bytes=0-99`, `bytes=100-` or `bytes=-100`. `nil` for other units, several ranges and anything malformed, which
    /// are all to be ignored (RFC 9110 §14.2).
    package static func parse(_ text: String) -> ByteRange? {
        let bytes = text.utf8
        let unit = "bytes="
        guard bytes.count > unit.utf8.count, text.prefix(unit.count).lowercased() == unit else { return nil }
        var specifier = bytes.dropFirst(unit.utf8.count)
        while let first = specifier.first, first == 0x20 || first == 0x09 { specifier = specifier.dropFirst() }
        while let last = specifier.last, last == 0x20 || last == 0x09 { specifier = specifier.dropLast() }
        guard let hyphen = specifier.firstIndex(of: UInt8(ascii: "-")) else { return nil }
        let before = specifier[..<hyphen]
        let after = specifier[specifier.index(after: hyphen)...]
        guard let first = number(before), let last = number(after) else { return nil }
        switch (before.isEmpty, after.isEmpty) {
        case (true, true): return nil
        case (true, false): return ByteRange(extent: .suffix(last), text: text)
        case (false, true): return ByteRange(extent: .from(first), text: text)
        case (false, false): return first <= last ? ByteRange(extent: .closed(first, last), text: text) : nil
        }
    }

    /// The value of `x-amz-copy-source-range`, which must be `bytes=FIRST-LAST`. Throws `InvalidArgument`.
    package static func parse(copySourceRange text: String) throws(S3Error) -> ByteRange {
        guard let range = parse(text), case .closed = range.extent else {
            throw S3Error(
                .invalidArgument,
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
            )
            .with(field: "ArgumentName", "x-amz-copy-source-range").with(field: "ArgumentValue", text)
        }
        return range
    }

    /// The bytes of an object of `size` bytes. Throws `InvalidRange` when there are none of them.
    package func resolve(size: Int64) throws(S3Error) -> Range<Int64> {
        switch extent {
        case .closed(let first, let last) where first < size: return first..<min(last, size - 1) + 1
        case .from(let first) where first < size: return first..<size
        case .suffix(let count) where count > 0 && size > 0: return max(0, size - count)..<size
        default:
            throw S3Error(.invalidRange)
                .with(field: "RangeRequested", text)
                .with(field: "ActualObjectSize", String(size))
                .with(header: "Content-Range", "bytes */\(size)")
        }
    }

    /// As ``resolve(size:)`` for the source of UploadPartCopy, all of which must exist. Throws `InvalidRequest` when it
    /// begins past the source's end, `InvalidArgument` when it only ends there.
    package func resolve(copySourceSize size: Int64) throws(S3Error) -> Range<Int64> {
        if case .closed(let first, _) = extent, first >= size {
            throw S3Error(.invalidRequest, "The specified copy range is invalid for the source object size")
        }
        guard case .closed(let first, let last) = extent, last < size else {
            throw S3Error(.invalidArgument, "Range specified is not valid for source object of size: \(size)")
                .with(field: "ArgumentName", "x-amz-copy-source-range").with(field: "ArgumentValue", text)
        }
        return first..<last + 1
    }

    /// 0 for no digits, `nil` for anything but digits; what does not fit is past the end of every object.
    private static func number(_ digits: Substring.UTF8View) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
            value = overflow || carry ? Int64.max : sum
        }
        return value
    }
}
