import ArgumentParser

/// The command line. One file per command in `Commands/`.
@main struct Meridian: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meridian",
        abstract: "One S3 endpoint for every region you own, with Multi-Region Access Points.",
        discussion: """
            Start with `meridian serve`, then, in another shell: eval "$(meridian env)". From there on the AWS CLI and \
            boto3 work unmodified.
            """,
        version: Version.text,
        subcommands: [
            Serve.self, RegionCommand.self, Edge.self, Env.self, Status.self, Verify.self, ReplicationCommand.self,
            Resync.self,
            AccessPointCommand.self,
            VersionCommand.self,
        ])
}
