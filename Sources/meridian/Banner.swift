import S3Model

/// What a person sees when the server is ready. Pure.
package enum Banner {
    /// - Parameter listeners: the addresses as bound.
    package static func text(
        configuration: ServerConfiguration, dataFolder: DataFolder, listeners: [String], isFirstStart: Bool
    ) -> String {
        let regions = configuration.regions.map { region in
            region.name.rawValue + (region.name == configuration.homeRegion ? " (home)" : "")
        }
        let usesDefaultFolder = dataFolder.path == DataFolder(path: DataFolder.defaultPath).path
        let option = usesDefaultFolder ? "" : " --data \(EnvironmentVariables.quote(dataFolder.path))"
        var lines = [
            "", "  \(Version.text) is ready.", "", "  listening  \(listeners.joined(separator: ", "))",
            "  regions    \(regions.joined(separator: ", "))", "  data       \(dataFolder.path)",
        ]
        if let address = (try? Env.address(listeners)) {
            lines.append("  console    http://\(address)/-/")
        }
        if isFirstStart { lines.append("  keys       made just now, in \(dataFolder.path("credentials.json"))") }
        lines += [
            "", "  In another shell:   eval \"$(meridian env\(option))\"",
            "  then, for example:  aws s3 mb s3://my-bucket",
            "  Stop with Ctrl-C.", "",
        ]
        return lines.joined(separator: "\n")
    }
}
