/** The gateway under test, in a process of its own: `server.ts BUCKET`. Prints its URL. */
import { FolderStore } from '@espalier/storage';
import { createGateway } from '../../services/gateway/src/index.ts';

const store = await FolderStore.open(process.argv[2] ?? '');
const gateway = await createGateway({ store, limits: { rates: false } });
process.stdout.write(`${await gateway.listen({ port: 0 })}\n`);
process.on('SIGTERM', () => void gateway.close().then(() => process.exit(0)));
