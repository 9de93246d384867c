import DurableFiles
import Foundation

/// Digests that cost a read of a large file, remembered for as long as the files are unchanged.
struct FileDigests {
    let cache: CacheStore

    private struct Identity: Codable, Equatable {
        let path: String
        let status: FileStatus

        init?(path: String) {
            guard let status = FileStatus(path: path) else { return nil }
            self.path = path
            self.status = status
        }
    }

    private struct Record: Codable {
        let purpose: String
        let files: [Identity]
        let digest: Digest
    }

    /// A digest computed over `paths`, or the remembered one when none of them has changed.
    ///
    /// - Parameter purpose: what is computed, so that two digests of the same files are told apart.
    func digest(purpose: String, paths: [String], compute: () throws -> Digest) throws -> Digest {
        let files = paths.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
        let identities = files.compactMap(Identity.init)
        let name = Digest.sha256(([purpose] + files).joined(separator: "\n")).hex
        let recordPath = cache.digestsDirectory + "/" + name + ".json"
        if let data = try? Data(contentsOf: URL(fileURLWithPath: recordPath)),
            let record = try? JSONDecoder().decode(Record.self, from: data),
            record.purpose == purpose, record.files == identities, identities.count == files.count
        {
            return record.digest
        }
        let digest = try compute()
        // A file written within the clock's grain of now could change again without its identity changing.
        let newest = identities.map(\.status.modifiedSeconds).max() ?? .max
        let isSettled = newest < Int(Date().timeIntervalSince1970) - 2
        if isSettled, files.compactMap(Identity.init) == identities, identities.count == files.count {
            // Remembering is a convenience: a read-only cache is no error.
            try? AtomicDirectory.createDirectory(cache.digestsDirectory)
            let record = Record(purpose: purpose, files: identities, digest: digest)
            if let json = try? JSONEncoder().encode(record) {
                try? AtomicFile.write(Array(json), to: recordPath)
            }
        }
        return digest
    }
}
