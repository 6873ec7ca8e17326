import FoundationEssentials
package import S3Model

/// Checks the structure of an access point policy and whether it is public (spec/mrap.md §13.5).
package struct PolicyDocumentReview: PolicyReviewing {
    package init() {}

    package func review(_ document: String, of point: AccessPoint) throws(S3Error) -> PolicyFindings {
        let root: PolicyValue
        do { root = try JSONDecoder().decode(PolicyValue.self, from: Data(document.utf8)) } catch {
            throw Self.malformed("Policies must be valid JSON and the first byte must be '{'.")
        }
        guard case .object(let policy) = root else {
            throw Self.malformed("Policies must be valid JSON and the first byte must be '{'.")
        }
        for key in policy.keys.sorted() where !["Version", "Id", "Statement"].contains(key) {
            throw Self.malformed("Unknown field \(key.prefix(100)).")
        }
        if let version = policy["Version"] {
            guard version.string == "2012-10-17" || version.string == "2008-10-17" else {
                throw Self.malformed("Version must be 2012-10-17 or 2008-10-17.")
            }
        }
        guard let listed = policy["Statement"] else { throw Self.malformed("Missing required field Statement.") }
        var isPublic = false
        for statement in listed.elements {
            guard case .object(let fields) = statement else {
                throw Self.malformed("Each Statement must be a JSON object.")
            }
            try Self.check(fields, point: point)
            if fields["Effect"]?.string == "Allow", Self.hasWildcardPrincipal(fields), !Self.isPinned(fields) {
                isPublic = true
            }
        }
        return PolicyFindings(isPublic: isPublic)
    }

    private static func malformed(_ message: String) -> S3Error { S3Error(.malformedPolicy, message) }
}

// MARK: Structure

extension PolicyDocumentReview {
    private static let fields: Set<String> = [
        "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
    ]

    private static func check(_ statement: [String: PolicyValue], point: AccessPoint) throws(S3Error) {
        for key in statement.keys.sorted() where !fields.contains(key) {
            throw malformed("Unknown field \(key.prefix(100)) in a Statement.")
        }
        guard let effect = statement["Effect"]?.string, effect == "Allow" || effect == "Deny" else {
            throw malformed("Effect must be Allow or Deny.")
        }
        try exactlyOne("Principal", "NotPrincipal", of: statement)
        try exactlyOne("Action", "NotAction", of: statement)
        try exactlyOne("Resource", "NotResource", of: statement)
        if let principal = statement["Principal"] ?? statement["NotPrincipal"] {
            switch principal {
            case .string("*"): break
            case .object(let kinds) where !kinds.isEmpty && kinds.values.allSatisfy { $0.strings != nil }: break
            default: throw malformed("Principal must be \"*\" or an object such as {\"AWS\": \"ACCOUNT-OR-ARN\"}.")
            }
        }
        guard let actions = (statement["Action"] ?? statement["NotAction"])?.strings, !actions.isEmpty,
            actions.allSatisfy({ $0 == "*" || $0.lowercased().utf8.starts(with: "s3:".utf8) })
        else { throw malformed("Policy has invalid action.") }
        guard let resources = (statement["Resource"] ?? statement["NotResource"])?.strings, !resources.isEmpty,
            resources.allSatisfy({ names(point, in: $0) })
        else { throw malformed("Policy has invalid resource: it must be \(point.arn) or \(point.arn)/object/*.") }
        if let condition = statement["Condition"] {
            guard case .object(let operators) = condition, operators.values.allSatisfy({ $0.isConditionBlock }) else {
                throw malformed("Condition must be an object of operators with keys and values.")
            }
        }
    }

    private static func exactlyOne(_ first: String, _ second: String, of statement: [String: PolicyValue])
        throws(S3Error)
    {
        guard (statement[first] == nil) != (statement[second] == nil) else {
            throw malformed("A Statement must have either \(first) or \(second).")
        }
    }

    /// Whether a resource can be this point or objects below it: by alias or by name, with wildcards.
    private static func names(_ point: AccessPoint, in resource: String) -> Bool {
        let literal = resource.prefix { $0 != "*" && $0 != "?" }
        return [point.alias.rawValue, "\(point.name).mrap"].contains { label in
            let arn = AccessPointARN(account: point.account, label: label).description
            let objects = arn + "/object/"
            if literal.utf8.count == resource.utf8.count {
                return resource == arn || resource.utf8.starts(with: objects.utf8)
            }
            return objects.utf8.starts(with: literal.utf8) || literal.utf8.starts(with: objects.utf8)
        }
    }
}

// MARK: Public or not

extension PolicyDocumentReview {
    /// Allow with NotPrincipal is everybody but some.
    private static func hasWildcardPrincipal(_ statement: [String: PolicyValue]) -> Bool {
        guard let principal = statement["Principal"] else { return true }
        switch principal {
        case .object(let kinds): return kinds.values.contains { $0.strings?.contains { $0.contains("*") } ?? true }
        default: return true
        }
    }

    private static let pinningKeys: Set<String> = [
        "aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:sourcearn",
        "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount",
        "s3:x-amz-server-side-encryption-aws-kms-key-id", "aws:userid", "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount", "aws:sourceip",
    ]

    private static let pinningOperators: Set<String> = [
        "stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress",
        "foranyvalue:stringequals", "foranyvalue:stringlike",
    ]

    private static func isPinned(_ statement: [String: PolicyValue]) -> Bool {
        guard case .object(let operators)? = statement["Condition"] else { return false }
        return operators.contains { name, block in
            guard pinningOperators.contains(name.lowercased()), case .object(let keys) = block else { return false }
            return keys.contains { key, values in
                let key = key.lowercased()
                guard pinningKeys.contains(key), let values = values.strings, !values.isEmpty else { return false }
                return values.allSatisfy { isFixed($0, key: key) }
            }
        }
    }

    private static func isFixed(_ value: String, key: String) -> Bool {
        if value.contains("${") || value.contains("?") { return false }
        switch key {
        case "aws:sourceip":
            let parts = value.split(separator: "/", omittingEmptySubsequences: false)
            let isSix = value.contains(":")
            let width = parts.count == 1 ? (isSix ? 128 : 32) : Int(parts[1]) ?? 0
            return parts.count <= 2 && !value.contains("*") && width >= (isSix ? 32 : 8)
        case "aws:userid":
            let stem = value.hasSuffix(":*") ? value.dropLast(2) : value[...]
            return !stem.isEmpty && !stem.contains("*")
        default: return !value.isEmpty && !value.contains("*")
        }
    }
}
