import Foundation
import Glibc

/// Ends a process soon after the `shoal` that started it is gone, however it went.
enum ParentWatch {
    /// - Parameter parent: process id of the parent; nil watches nobody.
    static func start(_ parent: Int32?) {
        guard let parent else { return }
        let thread = Thread {
            while getppid() == parent { Thread.sleep(forTimeInterval: 0.25) }
            // Nobody is left to tell, and nothing here is to be saved.
            _exit(ExitStatus.unavailable)
        }
        thread.name = "parent-watch"
        thread.start()
    }
}
