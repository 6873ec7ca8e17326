import Cluster

extension AccessPointRegistry {
    /// Carries out accepted requests until the task is cancelled. May run in several processes: each step is a
    /// transaction on the request's own record, so one of them makes it and the others go on.
    package func run() async {
        preconditionFailure("unwritten")
    }
}
