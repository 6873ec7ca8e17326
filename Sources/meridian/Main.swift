import ArgumentParser

@main struct Meridian: AsyncParsableCommand {}
