/** Whether a test may mount a disk of its own: that takes root, and a kernel that lets it. */
import { execFileSync } from 'node:child_process';

export function canMount(): boolean {
  try {
    execFileSync('/usr/bin/unshare', ['-m', '/usr/bin/mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
