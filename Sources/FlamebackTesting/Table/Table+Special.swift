import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let special: [String: Entry] = [:]
}
