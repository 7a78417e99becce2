import Foundation
import Testing

@testable import FlamebackFiles

@Suite struct PathTests {
  @Test func pathsAreDividedAsFoundationDoes() {
    let paths = [
      "ab", "/a", "ab/", "a/b", "/a/b", "a/b/", "a//b", "a/b.pt", "/a.b/c", ".hidden", "a/.hidden.txt", "a.tar.gz",
      "a.",
      "..", "../a", "./a.npz", "a b.pth", "à/é.onnx", "model.safetensors.index.json", "/tmp/x.y/",
    ]
    for path in paths {
      let expected = path as NSString
      #expect(path.lastPathComponent == expected.lastPathComponent, "\(path)")
      #expect(path.deletingLastPathComponent == expected.deletingLastPathComponent, "\(path)")
      #expect(path.pathExtension == expected.pathExtension, "\(path)")
      #expect(path.pathStem == (expected.lastPathComponent as NSString).deletingPathExtension, "\(path)")
    }
  }

  /// Foundation on Linux traps at a path of one character.
  @Test func shortPathsHaveParts() {
    #expect("a".lastPathComponent == "a" && "a".deletingLastPathComponent.isEmpty && "a".pathStem == "a")
    #expect("a/".lastPathComponent == "a" && "a/".deletingLastPathComponent.isEmpty)
    for path in ["", "/"] {
      #expect(path.lastPathComponent == path && path.deletingLastPathComponent == path && path.pathStem == path)
      #expect(path.pathExtension.isEmpty)
    }
    let marked = "a/\u{301}b.\u{301}c"
    #expect(marked.lastPathComponent == "\u{301}b.\u{301}c" && marked.deletingLastPathComponent == "a")
    #expect(marked.pathStem == "\u{301}b" && marked.pathExtension == "\u{301}c")
  }
}
