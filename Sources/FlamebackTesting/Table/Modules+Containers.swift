import Flameback
import FlamebackCore

extension ModuleTable {
  static let containers: [String: Entry] = [:]
}
