package import S3Model

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The completion report of a job, in AWS's format `Report_CSV_20180820`. Pure.
package enum BatchReport {
    static let schema = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"

    /// `PREFIX/job-ID`, without the prefix when there is none.
    package static func folder(of job: BatchJob) -> String {
        let prefix = job.request.report.prefix ?? ""
        let slash = prefix.isEmpty || prefix.utf8.last == UInt8(ascii: "/") ? "" : "/"
        return "\(prefix)\(slash)job-\(job.id)"
    }

    /// The name of a file of results. The same for the same part, so that writing it once more replaces it.
    package static func partKey(of job: BatchJob, number: Int, succeeded: Bool) -> String {
        let digits = String(number)
        let padded = String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
        return "\(folder(of: job))/results/\(padded)-\(succeeded ? "succeeded" : "failed").csv"
    }

    package static func manifestKey(of job: BatchJob) -> String { "\(folder(of: job))/manifest.json" }

    /// One line per outcome, without a header, as AWS writes it.
    package static func csv(_ outcomes: [BatchTaskOutcome], bucket: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for outcome in outcomes { bytes.append(contentsOf: line(outcome, bucket: bucket).utf8) }
        return bytes
    }

    /// The key is percent-encoded, so that it has neither commas nor quotation marks.
    static func line(_ outcome: BatchTaskOutcome, bucket: String) -> String {
        let start = "\(bucket),\(PercentEncoding.encode(outcome.key, keepingSlash: true)),\(outcome.versionID)"
        guard let failure = outcome.failure else { return "\(start),succeeded,,200,Successful\n" }
        let (code, status) = classify(failure)
        return "\(start),failed,\(code),\(status),\(quoted(failure))\n"
    }

    /// S3's name of a failure, or `InternalError` for words of ours, with the status that fits it.
    static func classify(_ failure: String) -> (code: String, status: Int) {
        let isName =
            !failure.isEmpty && failure.utf8.count <= 64
            && failure.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
            }
        guard isName else { return ("InternalError", 500) }
        if failure.hasSuffix("NotPermitted") { return (failure, 403) }
        return (failure, failure.hasSuffix("NotFound") || failure == "DstObjectHardDeleted" ? 404 : 400)
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\"\""
            case "\r", "\n": out += " "
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    private struct Manifest: Encodable {
        struct Result: Encodable {
            var status: String
            var bucket: String
            var md5: String
            var key: String

            enum CodingKeys: String, CodingKey {
                case status = "TaskExecutionStatus"
                case bucket = "Bucket"
                case md5 = "MD5Checksum"
                case key = "Key"
            }
        }

        var format: String
        var created: String
        var results: [Result]
        var schema: String

        enum CodingKeys: String, CodingKey {
            case format = "Format"
            case created = "ReportCreationDate"
            case results = "Results"
            case schema = "ReportSchema"
        }
    }

    /// `manifest.json`, which names all files of results.
    package static func manifest(of job: BatchJob, bucket: String, at now: Timestamp) throws -> [UInt8] {
        let manifest = Manifest(
            format: BatchJobReport.format, created: now.iso8601,
            results: job.reportParts.map {
                Manifest.Result(
                    status: $0.succeeded ? "succeeded" : "failed", bucket: bucket, md5: $0.md5, key: $0.key)
            },
            schema: schema)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return Array(try encoder.encode(manifest))
    }
}
