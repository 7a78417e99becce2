import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let random: [String: Entry] = [:]
}
