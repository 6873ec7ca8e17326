/// The conditions of GET, HEAD and of a copy's source, evaluated in the order of RFC 9110 §13.2.2.
package struct ReadConditions: Hashable, Sendable {
    package enum Source: Sendable {
        /// `If-Match` and its like.
        case request
        /// `x-amz-copy-source-if-match` and its like, for which "not modified" is a failure too.
        case copySource

        fileprivate var prefix: String {
            switch self {
            case .request: ""
            case .copySource: "x-amz-copy-source-"
            }
        }
    }

    package enum Verdict: Hashable, Sendable {
        case proceed
        /// 304.
        case notModified
        /// 412; names the header that did not hold.
        case failed(String)
    }

    private enum ETags: Hashable, Sendable {
        case any
        case list([ETag])

        init(_ text: String) {
            let values = Self.split(text)
            self = values.contains("*") ? .any : .list(values.map(ETag.init))
        }

        func contains(_ etag: ETag) -> Bool {
            switch self {
            case .any: true
            case .list(let list): list.contains(etag)
            }
        }

        /// At commas outside quotes.
        private static func split(_ text: String) -> [String] {
            var isQuoted = false
            var values: [String] = []
            for piece in text.split(whereSeparator: { character in
                if character == "\"" { isQuoted.toggle() }
                return character == "," && !isQuoted
            }) {
                let value = piece.drop { $0 == " " || $0 == "\t" }
                let end = value.lastIndex { $0 != " " && $0 != "\t" }
                if let end { values.append(String(value[...end])) }
            }
            return values
        }
    }

    private let source: Source
    private let match: ETags?
    private let noneMatch: ETags?
    private let modifiedSince: Timestamp?
    private let unmodifiedSince: Timestamp?

    /// `header` gives a header's value by its lower-case name. Dates that cannot be read are ignored.
    package init(_ source: Source = .request, header: (String) -> String?) {
        self.source = source
        // No name is put together for plain requests, of which hardly any has conditions.
        func value(_ name: String) -> String? { header(source == .request ? name : source.prefix + name) }
        match = value("if-match").map(ETags.init)
        noneMatch = value("if-none-match").map(ETags.init)
        modifiedSince = value("if-modified-since").flatMap(Timestamp.init(httpDate:))
        unmodifiedSince = value("if-unmodified-since").flatMap(Timestamp.init(httpDate:))
    }

    /// Whether there is nothing to check.
    package var isEmpty: Bool {
        match == nil && noneMatch == nil && modifiedSince == nil && unmodifiedSince == nil
    }

    /// `modified` is compared by whole seconds, as HTTP dates have no finer grain.
    package func check(etag: ETag, modified: Timestamp) -> Verdict {
        if let match {
            guard match.contains(etag) else { return failed("If-Match") }
        } else if let unmodifiedSince, modified.seconds > unmodifiedSince.seconds {
            return failed("If-Unmodified-Since")
        }
        if let noneMatch {
            if noneMatch.contains(etag) { return notModified("If-None-Match") }
        } else if let modifiedSince, modified.seconds <= modifiedSince.seconds {
            return notModified("If-Modified-Since")
        }
        return .proceed
    }

    private func failed(_ name: String) -> Verdict { .failed("\(source.prefix)\(name)") }

    private func notModified(_ name: String) -> Verdict {
        switch source {
        case .request: .notModified
        case .copySource: failed(name)
        }
    }
}

extension S3Error {
    /// `PreconditionFailed` that names the condition, as S3 does.
    package static func preconditionFailed(condition: String) -> S3Error {
        S3Error(.preconditionFailed).with(field: "Condition", condition)
    }
}
