import AccessPoints
import Cluster
import Environment
import Gateway
import Logging
import NIOCore
import Policy
import S3Model
import SigV4
import Telemetry

/// Makes the gateway of a process: the pipeline for its own regions, and, when there are others, the forwarder around it.
struct RegionGateway {
    private let settings: ServingProcess.Settings
    private let installation: Installation
    private let endpoints: EndpointResolver
    private let random: any RandomSource
    private let log: Logger

    init(
        _ settings: ServingProcess.Settings, _ installation: Installation, random: any RandomSource, log: Logger
    ) {
        self.settings = settings
        self.installation = installation
        endpoints = EndpointResolver(ownDomains: settings.configuration.domains)
        self.random = random
        self.log = log
    }

    func pipeline(
        telemetry: RequestTelemetry, pages: any ConsoleResponding, admin: any AdminResponding
    ) -> RequestPipeline {
        let configuration = settings.configuration
        let router = Router(
            regions: installation.stores, configured: Set(configuration.regions.map(\.name)),
            directory: installation.directory, table: installation.table, home: configuration.homeRegion,
            places: installation.places, random: random, edgeKey: settings.edgeKey,
            peerReads: installation.peerReads)
        return RequestPipeline(
            endpoints: endpoints, authenticator: authenticator(),
            operations: OperationDispatch(
                router: router, objects: ObjectOperations(router: router),
                buckets: BucketOperations(router: router, peers: PeerBuckets(installation.peers.clients)),
                control: ControlOperations(
                    router: router, registry: installation.registry, jobs: installation.jobs)),
            console: pages, admin: admin, rootAccessKeyID: settings.credentials.accessKeyID, observer: telemetry,
            time: installation.time, random: random, logger: log)
    }

    /// `nil` when all regions are here.
    func forwarder(around pipeline: RequestPipeline, on eventLoops: any EventLoopGroup) -> RegionForwarder? {
        let layout = installation.layout
        guard !layout.elsewhere.isEmpty || layout.origin != nil else { return nil }
        let router = EdgeRouter(
            endpoints: endpoints, table: installation.table, directory: installation.directory,
            home: settings.configuration.homeRegion, places: installation.places,
            accounts: settings.configuration.accounts(settings.credentials), random: random)
        return RegionForwarder(
            local: pipeline, router: router, served: Set(layout.served), elsewhere: layout.elsewhere,
            origin: layout.origin, on: eventLoops, key: settings.edgeKey, time: installation.time, random: random,
            logger: log)
    }

    private func authenticator() -> Authenticator {
        let configuration = settings.configuration
        let credentials = settings.credentials
        let root = Identity(owner: configuration.rootOwner, userName: nil)
        var identities = [(accessKeyID: credentials.accessKeyID, identity: root)]
        var secrets = [
            credentials.accessKeyID: SigningSecret(
                accessKeyID: credentials.accessKeyID, secretAccessKey: credentials.secretAccessKey.secret)
        ]
        for user in configuration.users {
            identities.append((user.accessKeyID, Identity(owner: user.owner, userName: user.name)))
            secrets[user.accessKeyID] = SigningSecret(
                accessKeyID: user.accessKeyID, secretAccessKey: user.secretAccessKey.secret)
        }
        return Authenticator(
            identities: Identities(identities), secrets: secrets, endpoints: endpoints,
            isBucket: { [directory = installation.directory] in directory.location(of: $0) != nil })
    }
}

extension ServerConfiguration {
    /// The account of each access key.
    func accounts(_ credentials: RootCredentials) -> [String: AccountID] {
        var accounts = [credentials.accessKeyID: rootOwner.account]
        for user in users { accounts[user.accessKeyID] = user.owner.account }
        return accounts
    }
}
