import FlamebackFiles
import Foundation

/// What Hugging Face's libraries made (`Scripts/make_text_fixtures.py`).
func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)").path
}

func withFolder<R>(_ body: (String) throws -> R) throws -> R {
  let folder = NSTemporaryDirectory() + "flameback-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try body(folder)
}

extension JSON {
  var ints: [Int] { array?.compactMap(\.int) ?? [] }

  var doubles: [Double] {
    array?.compactMap {
      switch $0 {
      case .int(let value): Double(value)
      case .double(let value): value
      default: nil
      }
    } ?? []
  }
}
