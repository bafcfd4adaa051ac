"""WeChat's letters are answered once

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('wechatlate', schema=None) as batch_op:
        batch_op.add_column(sa.Column('told_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    with op.batch_alter_table('visitor', schema=None) as batch_op:
        batch_op.add_column(sa.Column('left_by', sqlmodel.sql.sqltypes.AutoString(), server_default='', nullable=False))
    with op.batch_alter_table('wechatfollower', schema=None) as batch_op:
        batch_op.drop_column('rest')  # nobody knows of which community it was
    with op.batch_alter_table('wechatfollower', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rest', sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('wechatfollower', schema=None) as batch_op:
        batch_op.drop_column('rest')
    with op.batch_alter_table('wechatfollower', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rest', sqlmodel.sql.sqltypes.AutoString(), server_default='', nullable=False))
    with op.batch_alter_table('visitor', schema=None) as batch_op:
        batch_op.drop_column('left_by')
    with op.batch_alter_table('wechatlate', schema=None) as batch_op:
        batch_op.drop_column('told_at')
