import Flameback
import FlamebackCore

extension ModuleTable {
  static let losses: [String: Entry] = [:]
}
