"""Danger at the door

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('visitor', schema=None) as batch_op:
        batch_op.add_column(sa.Column('danger', sqlmodel.sql.sqltypes.AutoString(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('danger_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))

    # only Telegram asks for consent: at the other doors choosing a community was written down as if it were one
    op.execute("UPDATE visitor SET consented_at = NULL WHERE channel IN ('wechat', 'wecom')")


def downgrade() -> None:
    with op.batch_alter_table('visitor', schema=None) as batch_op:
        batch_op.drop_column('danger_at')
        batch_op.drop_column('danger')
