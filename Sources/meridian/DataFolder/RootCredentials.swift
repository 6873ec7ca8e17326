package import Environment
package import Telemetry

/// The keys of the root identity, made on first start.
package struct RootCredentials: Sendable, Equatable {
    /// 20 characters: `AKIA` and 16 of `A-Z 2-7`.
    package let accessKeyID: String
    /// 40 characters of `A-Z a-z 0-9 + /`, 240 random bits.
    package let secretAccessKey: Redacted<String>

    package init(accessKeyID: String, secretAccessKey: String) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = Redacted(secretAccessKey)
    }

    package static func make(random: any RandomSource) -> RootCredentials {
        func pick(_ count: Int, from alphabet: String) -> String {
            let characters = Array(alphabet.utf8)
            let picked = (0..<count).map { _ in characters[Int(random.uniform(below: UInt64(characters.count)))] }
            return String(decoding: picked, as: UTF8.self)
        }
        let upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        return RootCredentials(
            accessKeyID: "AKIA" + pick(16, from: upper + "234567"),
            secretAccessKey: pick(40, from: upper + upper.lowercased() + "0123456789+/"))
    }
}

extension DataFolder {
    private static let credentialsFile = "credentials.json"

    /// The root keys: those in the folder, or new ones that are stored (0600) before they are returned.
    ///
    /// Throws ``OperatorError`` when the file is there but cannot be understood: it is never overwritten.
    package func rootCredentials(random: any RandomSource) throws -> RootCredentials {
        if let known = try storedRootCredentials() { return known }
        let made = RootCredentials.make(random: random)
        let text = """
            {
              "version": 1,
              "accessKeyID": "\(made.accessKeyID)",
              "secretAccessKey": "\(made.secretAccessKey.secret)"
            }

            """
        do {
            try write(Self.credentialsFile, Array(text.utf8), mode: 0o600)
        } catch {
            throw OperatorError("The root keys cannot be stored: \(error).")
        }
        return made
    }

    /// `nil` before the first start.
    package func storedRootCredentials() throws -> RootCredentials? {
        let file = path(Self.credentialsFile)
        do {
            guard let bytes = try read(Self.credentialsFile) else { return nil }
            guard let object = try? JSONValue.parse(bytes).object, object["version"] == .integer(1),
                case .string(let accessKeyID)? = object["accessKeyID"], !accessKeyID.isEmpty,
                case .string(let secret)? = object["secretAccessKey"], !secret.isEmpty
            else {
                throw OperatorError(
                    "\(file) is not understood: expected {\"version\": 1, \"accessKeyID\": …, \"secretAccessKey\": …}. "
                        + "Restore it, or move it away to have new root keys made.")
            }
            return RootCredentials(accessKeyID: accessKeyID, secretAccessKey: secret)
        } catch let failure as POSIXFile.Failure {
            throw OperatorError("The root keys cannot be read: \(failure).")
        }
    }
}
