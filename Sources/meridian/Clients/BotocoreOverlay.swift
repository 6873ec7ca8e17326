/// Endpoint rules for boto3 and the AWS CLI, written by us (route A of spec/clients.md §3.1): with
/// `AWS_DATA_PATH=…/botocore` and `AWS_ENDPOINT_URL`, S3 is path style on that endpoint, an access point's ARN becomes
/// `/NAME.mrap/key` with plain SigV4, and S3 Control has no account number in its host. Without an endpoint every call
/// fails, so nothing can leak to AWS.
enum BotocoreOverlay {
    /// Paths below the data folder, with their content.
    static var files: [(path: String, content: String)] {
        [
            ("botocore/s3/2006-03-01/endpoint-rule-set-1.json", ruleSet(objectParameters, objectRules)),
            ("botocore/s3control/2018-08-20/endpoint-rule-set-1.json", ruleSet(controlParameters, controlRules)),
        ]
    }

    /// Writes what is missing or differs.
    static func write(to folder: DataFolder) throws {
        do {
            for (path, content) in files {
                let bytes = Array(content.utf8)
                if try folder.read(path) == bytes { continue }
                try folder.makeFolder(POSIXFile.parent(of: path))
                try folder.write(path, bytes, mode: 0o600)
            }
        } catch let failure as POSIXFile.Failure {
            throw OperatorError("The overlay for boto3 and the AWS CLI cannot be written: \(failure).")
        }
    }

    private static func ruleSet(_ parameters: [String: JSONValue], _ rules: [JSONValue]) -> String {
        let message = "The Meridian overlay is active: set AWS_ENDPOINT_URL (eval \"$(meridian env)\" does)."
        let withEndpoint = object([
            "conditions": .array([
                isSet("Endpoint"),
                object([
                    "fn": "parseURL", "argv": .array([reference("Endpoint")]), "assign": "url",
                ]),
            ]), "type": "tree", "rules": .array(rules),
        ])
        let without = object(["conditions": .array([]), "type": "error", "error": .string(message)])
        return object([
            "version": "1.0", "parameters": .object(parameters), "rules": .array([withEndpoint, without]),
        ]).text + "\n"
    }

    // MARK: Parameters

    private static func parameter(_ type: String, builtIn: String? = nil, isRequired: Bool = false) -> JSONValue {
        var out: [String: JSONValue] = [
            "required": .bool(isRequired), "documentation": "As in the service's own rules.", "type": .string(type),
        ]
        if let builtIn { out["builtIn"] = .string(builtIn) }
        if isRequired { out["default"] = .bool(false) }
        return .object(out)
    }

    private static let commonParameters: [String: JSONValue] = [
        "Bucket": parameter("string"),
        "Region": parameter("string", builtIn: "AWS::Region"),
        "Endpoint": parameter("string", builtIn: "SDK::Endpoint"),
        "UseFIPS": parameter("boolean", builtIn: "AWS::UseFIPS", isRequired: true),
        "UseDualStack": parameter("boolean", builtIn: "AWS::UseDualStack", isRequired: true),
        "UseS3ExpressControlEndpoint": parameter("boolean"),
    ]

    private static let objectParameters = commonParameters.merging([
        "Key": parameter("string"), "Prefix": parameter("string"), "CopySource": parameter("string"),
        "ForcePathStyle": parameter("boolean", builtIn: "AWS::S3::ForcePathStyle", isRequired: true),
        "Accelerate": parameter("boolean", builtIn: "AWS::S3::Accelerate", isRequired: true),
        "UseGlobalEndpoint": parameter("boolean", builtIn: "AWS::S3::UseGlobalEndpoint", isRequired: true),
        "UseObjectLambdaEndpoint": parameter("boolean"), "DisableAccessPoints": parameter("boolean"),
        "DisableMultiRegionAccessPoints": parameter(
            "boolean", builtIn: "AWS::S3::DisableMultiRegionAccessPoints", isRequired: true),
        "UseArnRegion": parameter("boolean", builtIn: "AWS::S3::UseArnRegion"),
        "DisableS3ExpressSessionAuth": parameter("boolean"),
    ]) { _, new in new }

    private static let controlParameters = commonParameters.merging([
        "AccountId": parameter("string"), "RequiresAccountId": parameter("boolean"),
        "OutpostId": parameter("string"), "AccessPointName": parameter("string"),
        "UseArnRegion": parameter("boolean", builtIn: "AWS::S3Control::UseArnRegion"),
        "ResourceArn": parameter("string"),
    ]) { _, new in new }

    // MARK: Rules

    private static var objectRules: [JSONValue] {
        let regional = [
            isSet("Region"),
            not(object(["fn": "stringEquals", "argv": .array([reference("Region"), "aws-global"])])),
        ]
        let accessPoint = [
            isSet("Bucket"),
            object(["fn": "aws.parseArn", "argv": .array([reference("Bucket")]), "assign": "arn"]),
            object(["fn": "getAttr", "argv": .array([reference("arn"), "resourceId[1]"]), "assign": "label"]),
            not(object(["fn": "stringEquals", "argv": .array([reference("label"), ""])])),
        ]
        let bucket = [
            isSet("Bucket"),
            object(["fn": "uriEncode", "argv": .array([reference("Bucket")]), "assign": "bucket"]),
        ]
        return [(regional, "{Region}"), ([], "us-east-1")].flatMap { conditions, region in
            [
                endpoint("/{label}", conditions + accessPoint, region),
                endpoint("/{bucket}", conditions + bucket, region), endpoint("", conditions, region),
            ]
        }
    }

    private static var controlRules: [JSONValue] {
        [endpoint("", [isSet("Region")], "{Region}"), endpoint("", [], "us-east-1")]
    }

    /// `{url#normalizedPath}` ends in a slash, so `suffix` loses its own.
    private static func endpoint(_ suffix: String, _ conditions: [JSONValue], _ region: String) -> JSONValue {
        let path = "{url#scheme}://{url#authority}{url#normalizedPath}" + suffix.drop { $0 == "/" }
        let scheme = object([
            "name": "sigv4", "signingName": "s3", "signingRegion": .string(region),
            "disableDoubleEncoding": .bool(true),
        ])
        return object([
            "conditions": .array(conditions), "type": "endpoint",
            "endpoint": object([
                "url": .string(path), "headers": object([:]),
                "properties": object(["authSchemes": .array([scheme])]),
            ]),
        ])
    }

    private static func object(_ members: [String: JSONValue]) -> JSONValue { .object(members) }
    private static func reference(_ name: String) -> JSONValue { object(["ref": .string(name)]) }
    private static func isSet(_ name: String) -> JSONValue {
        object(["fn": "isSet", "argv": .array([reference(name)])])
    }
    private static func not(_ condition: JSONValue) -> JSONValue {
        object(["fn": "not", "argv": .array([condition])])
    }
}
