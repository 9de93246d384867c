import Bases
import DurableFiles
import Foundation
import Testing

@Suite struct CacheStoreTests {
    @Test func liesWhereTheEnvironmentSays() {
        #expect(CacheStore.standard(environment: ["SHOAL_CACHE": "/a", "XDG_CACHE_HOME": "/b"]).root == "/a")
        #expect(
            CacheStore.standard(environment: ["SHOAL_CACHE": "", "XDG_CACHE_HOME": "/b"]).root == "/b/shoal")
        #expect(CacheStore.standard(environment: ["HOME": "/home/x"]).root == "/home/x/.cache/shoal")
    }

    @Test func prunesTheLongestUnusedFirst() throws {
        let directory = try TemporaryDirectory()
        let cache = directory.cache
        for name in ["llama", "qwen2"] {
            _ = try Base(path: fixture("\(name).gguf"), cache: cache, logger: quiet)
        }
        let llama = try #require(try cache.list().first { $0.source.hasSuffix("llama.gguf") })
        let qwen = try #require(try cache.list().first { $0.source.hasSuffix("qwen2.gguf") })
        for (entry, age) in [(llama, 1000.0), (qwen, 500.0)] {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: entry.path + ".lock")
        }
        #expect(try cache.list().map(\.path) == [llama.path, qwen.path])
        // Use makes it young again.
        _ = try Base(path: fixture("llama.gguf"), cache: cache, logger: quiet)
        #expect(try cache.list().map(\.path) == [qwen.path, llama.path])

        #expect(try cache.prune(dryRun: true).map(\.path) == [qwen.path, llama.path])
        #expect(try cache.list().count == 2)
        #expect(try cache.prune(keepingByteCount: llama.byteCount + 1).map(\.path) == [qwen.path])
        #expect(try cache.prune(unusedSince: Date(timeIntervalSinceNow: -100)).isEmpty)
        #expect(try cache.list().map(\.path) == [llama.path])
        #expect(try cache.prune().map(\.path) == [llama.path])
        #expect(try cache.list().isEmpty)
        _ = try Base(path: fixture("llama.gguf"), cache: cache, logger: quiet)
        #expect(try cache.list().count == 1)
    }

    @Test func anAbsentCacheIsEmpty() throws {
        let directory = try TemporaryDirectory()
        #expect(try directory.cache.list().isEmpty)
        #expect(try directory.cache.prune().isEmpty)
    }
}
