import Flameback
import FlamebackCore

extension ModuleTable {
  static let transformers: [String: Entry] = [:]
}
