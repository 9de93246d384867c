import ArgumentParser
import Bases
import Foundation

struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "List or prune the bases that were expanded or fetched on this host.",
        discussion: """
            The cache is $SHOAL_CACHE, else $XDG_CACHE_HOME/shoal, else ~/.cache/shoal. Everything in it can be \
            made again.

            Example:
              shoal cache prune --unused-days 30
            """,
        subcommands: [List.self, Prune.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List them.", discussion: "Example:\n  shoal cache list")

        func run() throws {
            let store = CacheStore.standard()
            let entries = try store.list()
            for entry in entries { StandardOutput.write(CacheCommand.line(entry)) }
            let total = entries.reduce(0) { $0 + $1.byteCount }
            StandardOutput.write("\(entries.count) bases, \(Format.bytes(total)), in \(store.root)\n")
        }
    }

    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove bases, the longest unused first.",
            discussion: "Example:\n  shoal cache prune --keep-gigabytes 10 --dry-run")

        @Option(help: "Only those not used for so many days.")
        var unusedDays: Double?

        @Option(help: "Stop once what remains is at most this large.")
        var keepGigabytes: Double?

        @Flag(help: "Say what would go, remove nothing.")
        var dryRun = false

        func validate() throws {
            if let unusedDays, !(unusedDays >= 0) {
                throw ValidationError("--unused-days is \(unusedDays), expected 0 or more")
            }
            if let keepGigabytes, !(keepGigabytes >= 0 && keepGigabytes < 1e9) {
                throw ValidationError("--keep-gigabytes is \(keepGigabytes), expected 0 or more")
            }
        }

        func run() throws {
            let since = unusedDays.map { Date(timeIntervalSinceNow: -$0 * 86_400) } ?? .distantFuture
            let removed = try CacheStore.standard().prune(
                unusedSince: since, keepingByteCount: keepGigabytes.map { Int($0 * 1e9) }, dryRun: dryRun)
            for entry in removed { StandardOutput.write(CacheCommand.line(entry)) }
            let total = removed.reduce(0) { $0 + $1.byteCount }
            StandardOutput.write(
                "\(dryRun ? "would remove" : "removed") \(removed.count) bases, \(Format.bytes(total))\n")
        }
    }

    private static func line(_ entry: CacheStore.Entry) -> String {
        let day = entry.lastUsed.formatted(.iso8601.year().month().day())
        return "\(Format.bytes(entry.byteCount))\tused \(day)\t\(entry.path)\tfrom \(entry.source)\n"
    }
}
