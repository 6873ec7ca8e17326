extension S3Operation {
    /// The operation that a request to the S3 Control API asks for, and what its path names: the access point (a name;
    /// for the routes calls usually an ARN), or the token of an asynchronous request (spec/mrap.md §6).
    ///
    /// `path` is decoded. The names in the paths are greedy, they may contain `/`; so fixed ends are matched, never
    /// segments. Throws `MethodNotAllowed` for a path or method that S3 Control does not have.
    package static func resolveControl(
        method: String, path: String, query: (String) -> String?
    ) throws(S3Error) -> (operation: S3Operation, parameter: String?) {
        guard let rest = path.remainder(after: "/v20180820/") else { throw unknown(method, path) }
        let found: (S3Operation, String?)?
        if let token = rest.remainder(after: "async-requests/mrap/") {
            found = asyncRequest(method: method, token: token)
        } else if rest == "mrap/instances" || rest == "mrap/instances/" {
            found = method == "GET" ? (.listMultiRegionAccessPoints, nil) : nil
        } else if let name = rest.remainder(after: "mrap/instances/") {
            found = instance(method: method, name: name)
        } else {
            found = neighbour(method: method, rest: rest)
        }
        guard let found else { throw unknown(method, path) }
        return (operation: found.0, parameter: found.1)
    }

    private static func asyncRequest(method: String, token: String) -> (S3Operation, String?)? {
        switch (method, token) {
        case ("GET", _): token.isEmpty ? nil : (.describeMultiRegionAccessPointOperation, token)
        case ("POST", "create"): (.createMultiRegionAccessPoint, nil)
        case ("POST", "delete"): (.deleteMultiRegionAccessPoint, nil)
        case ("POST", "put-policy"): (.putMultiRegionAccessPointPolicy, nil)
        default: nil
        }
    }

    private static func instance(method: String, name: String) -> (S3Operation, String?)? {
        if let access = name.remainder(before: "/routes") {
            switch method {
            case "GET": return (.getMultiRegionAccessPointRoutes, access)
            case "PATCH": return (.submitMultiRegionAccessPointRoutes, access)
            default: return nil
            }
        }
        guard method == "GET" else { return nil }
        if let access = name.remainder(before: "/policy") { return (.getMultiRegionAccessPointPolicy, access) }
        if let access = name.remainder(before: "/policystatus") {
            return (.getMultiRegionAccessPointPolicyStatus, access)
        }
        return (.getMultiRegionAccessPoint, name)
    }

    /// What tools ask next to Multi-Region Access Points; none of it is served, all of it answers by name.
    private static func neighbour(method: String, rest: String) -> (S3Operation, String?)? {
        if let arn = rest.remainder(after: "tags/") {
            return pick(method, get: .listTagsForResource, post: .tagResource, delete: .untagResource, arn)
        }
        if rest == "configuration/publicAccessBlock" {
            return pick(
                method, get: .getAccountPublicAccessBlock, put: .putAccountPublicAccessBlock,
                delete: .deleteAccountPublicAccessBlock, nil)
        }
        if rest == "accesspoint" { return pick(method, get: .listAccessPoints, nil) }
        if let name = rest.remainder(after: "accesspoint/") { return accessPoint(method: method, name: name) }
        if rest == "jobs" { return pick(method, get: .listJobs, post: .createJob, nil) }
        if let job = rest.remainder(after: "jobs/") { return batchJob(method: method, job: job) }
        switch rest {
        case "storagelens": return pick(method, get: .listStorageLensConfigurations, nil)
        case "accessgrantsinstance/grants": return pick(method, get: .listAccessGrants, nil)
        case "bucket": return pick(method, get: .listRegionalBuckets, nil)
        default: return nil
        }
    }

    private static func accessPoint(method: String, name: String) -> (S3Operation, String?)? {
        if let name = name.remainder(before: "/policy") {
            return pick(
                method, get: .getAccessPointPolicy, put: .putAccessPointPolicy, delete: .deleteAccessPointPolicy, name)
        }
        if let name = name.remainder(before: "/policyStatus") {
            return pick(method, get: .getAccessPointPolicyStatus, name)
        }
        return pick(method, get: .getAccessPoint, put: .createAccessPoint, delete: .deleteAccessPoint, name)
    }

    private static func batchJob(method: String, job: String) -> (S3Operation, String?)? {
        if let job = job.remainder(before: "/priority") { return pick(method, post: .updateJobPriority, job) }
        if let job = job.remainder(before: "/status") { return pick(method, post: .updateJobStatus, job) }
        if let job = job.remainder(before: "/tagging") {
            return pick(method, get: .getJobTagging, put: .putJobTagging, delete: .deleteJobTagging, job)
        }
        return pick(method, get: .describeJob, job)
    }

    private static func pick(
        _ method: String, get: S3Operation? = nil, put: S3Operation? = nil, post: S3Operation? = nil,
        delete: S3Operation? = nil, _ parameter: String?
    ) -> (S3Operation, String?)? {
        let operation: S3Operation?
        switch method {
        case "GET": operation = get
        case "PUT": operation = put
        case "POST": operation = post
        case "DELETE": operation = delete
        default: operation = nil
        }
        return operation.map { ($0, parameter) }
    }

    private static func unknown(_ method: String, _ path: String) -> S3Error {
        S3Error(.methodNotAllowed, "S3 Control has no operation '\(method.prefix(16)) \(path.prefix(256))'.")
    }
}

extension String {
    /// What follows `prefix`, compared by bytes; `nil` without it.
    fileprivate func remainder(after prefix: String) -> String? {
        guard utf8.starts(with: prefix.utf8) else { return nil }
        return String(self[utf8.index(utf8.startIndex, offsetBy: prefix.utf8.count)...])
    }

    /// What precedes `suffix`, compared by bytes; `nil` without it, or when nothing precedes it.
    fileprivate func remainder(before suffix: String) -> String? {
        let length = utf8.count - suffix.utf8.count
        guard length > 0 else { return nil }
        let end = utf8.index(utf8.startIndex, offsetBy: length)
        guard self[end...].utf8.elementsEqual(suffix.utf8) else { return nil }
        return String(self[..<end])
    }
}
