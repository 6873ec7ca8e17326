import Storage

extension RecordReader {
    /// Reads a message of another process as a whole. Throws `RecordError` when it is longer than `limit` bytes, of another
    /// version, or has anything behind what `body` reads.
    static func message<Value>(
        _ bytes: [UInt8], version: UInt8, limit: Int, _ body: (inout RecordReader) throws(RecordError) -> Value
    ) throws -> Value {
        guard bytes.count <= limit else { throw RecordError("is longer than \(limit) bytes") }
        return try bytes.withUnsafeBytes { bytes in
            var reader = try RecordReader(bytes, version: version)
            let value = try body(&reader)
            try reader.finish()
            return value
        }
    }
}
