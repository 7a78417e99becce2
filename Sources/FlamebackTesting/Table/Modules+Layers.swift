import Flameback
import FlamebackCore

extension ModuleTable {
  static let layers: [String: Entry] = [:]
}
