import Environment
import Gateway
import S3Model

/// The secret that this installation's server shares with its edges: `edge.json`, 0600.
extension DataFolder {
    private static let edgeFile = "edge.json"

    /// The key in the folder, or a new one that is stored before it is returned. For the server, which holds the lock.
    func edgeKey(random: any RandomSource) throws -> EdgeKey {
        if let known = try storedEdgeKey() { return known }
        let bytes = random.bytes(EdgeKey.byteCount)
        guard let key = EdgeKey(bytes: bytes) else { throw OperatorError("The edge key cannot be made.") }
        do {
            try write(Self.edgeFile, Array("{\"version\": 1, \"key\": \"\(Hex.encode(bytes))\"}\n".utf8))
        } catch {
            throw OperatorError("The edge key cannot be stored: \(error).")
        }
        return key
    }

    /// `nil` before the server's first start. Throws ``OperatorError`` when the file is there but not understood.
    func storedEdgeKey() throws -> EdgeKey? {
        do {
            guard let bytes = try read(Self.edgeFile) else { return nil }
            guard let object = try? JSONValue.parse(bytes).object, object["version"] == .integer(1),
                case .string(let text)? = object["key"], let key = Hex.decode(text).flatMap({ EdgeKey(bytes: $0) })
            else {
                throw OperatorError(
                    "\(path(Self.edgeFile)) is not understood: expected {\"version\": 1, \"key\": 64 hexadecimal digits}. "
                        + "Restore it, or move it away and start the server again to have a new key made.")
            }
            return key
        } catch let failure as POSIXFile.Failure {
            throw OperatorError("The edge key cannot be read: \(failure).")
        }
    }

    /// What the processes of an installation share: the server's key and root credentials, beside the files of the local
    /// certificate authority. Throws ``OperatorError`` that names `option` when something is missing.
    func sharedSecrets(for process: String, option: String) throws -> (key: EdgeKey, credentials: RootCredentials) {
        guard let key = try storedEdgeKey(), let credentials = try storedRootCredentials(),
            POSIXFile.exists(self.path("ca.pem")), POSIXFile.exists(self.path("ca-key.pem"))
        else {
            throw OperatorError(
                "\(path) lacks what \(process) needs (edge.json, credentials.json, ca.pem, ca-key.pem): start the server "
                    + "(`meridian serve`) first and give its data folder with \(option), or copy these files from it.")
        }
        return (key, credentials)
    }
}
